#include "server/drain_gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace vitok {
namespace {

TEST(DrainGateTest, WaitsForTheLastCallAndRefusesNewOnes) {
  DrainGate gate;
  ASSERT_TRUE(gate.Enter());
  std::thread drain([&gate] { EXPECT_TRUE(gate.Drain(absl::InfiniteDuration())); });
  while (gate.Enter()) {  // until Drain has begun
    gate.Leave();
  }
  gate.Leave();
  drain.join();
  EXPECT_FALSE(gate.Enter());
}

TEST(DrainGateTest, WaitsForClientsToStopTryingButNotForEver) {
  DrainGate gate;
  ASSERT_TRUE(gate.Drain(absl::ZeroDuration()));
  std::atomic<bool> stop{false};
  std::atomic<int> tries{0};
  std::thread client([&] {
    while (!stop) tries += gate.Enter() ? 0 : 1;
  });
  while (tries == 0) std::this_thread::yield();
  gate.AwaitQuiet(absl::InfiniteDuration(), absl::Milliseconds(1));  // returns though the client goes on
  stop = true;
  client.join();
  gate.AwaitQuiet(absl::Milliseconds(1), absl::InfiniteDuration());  // returns since nobody tries
}

TEST(DrainGateTest, GivesUpAfterTheGracePeriod) {
  DrainGate gate;
  ASSERT_TRUE(gate.Enter());
  EXPECT_FALSE(gate.Drain(absl::Milliseconds(1)));
}

}  // namespace
}  // namespace vitok
