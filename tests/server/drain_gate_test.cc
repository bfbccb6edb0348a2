#include "server/drain_gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace vitok {
namespace {

TEST(DrainGateTest, F17_WaitsForTheLastCallAndRefusesNewOnes) {
  DrainGate gate;
  std::optional<DrainGate::Ticket> call = gate.Enter();
  ASSERT_TRUE(call.has_value());
  std::thread drain([&gate] { EXPECT_TRUE(gate.Drain(absl::InfiniteDuration())); });
  while (gate.Enter().has_value()) {  // until Drain has begun
  }
  call.reset();
  drain.join();
  EXPECT_FALSE(gate.Enter().has_value());
}

TEST(DrainGateTest, WaitsForClientsToStopTryingButNotForEver) {
  DrainGate gate;
  ASSERT_TRUE(gate.Drain(absl::ZeroDuration()));
  std::atomic<bool> stop{false};
  std::atomic<int> tries{0};
  std::thread client([&] {
    while (!stop) tries += gate.Enter().has_value() ? 0 : 1;
  });
  while (tries == 0) std::this_thread::yield();
  gate.AwaitQuiet(absl::InfiniteDuration(), absl::Milliseconds(1));  // returns though the client goes on
  stop = true;
  client.join();
  gate.AwaitQuiet(absl::Milliseconds(1), absl::InfiniteDuration());  // returns since nobody tries
}

TEST(DrainGateTest, F17_GivesUpAfterTheGracePeriod) {
  DrainGate gate;
  const std::optional<DrainGate::Ticket> call = gate.Enter();
  EXPECT_FALSE(gate.Drain(absl::Milliseconds(1)));
}

TEST(DrainGateTest, MovesATicketWithoutCountingTwice) {
  DrainGate gate;
  DrainGate::Ticket kept;
  {
    std::optional<DrainGate::Ticket> call = gate.Enter();
    kept = *std::move(call);
  }
  EXPECT_FALSE(gate.Drain(absl::ZeroDuration()));
  { const DrainGate::Ticket ended = std::move(kept); }
  EXPECT_TRUE(gate.Drain(absl::ZeroDuration()));
}

TEST(DrainGateTest, TellsThoseWhoWatchOnceWhenItDrains) {
  DrainGate gate;
  int told = 0, forgotten = 0;
  gate.Watch([&told] { ++told; });
  gate.Forget(gate.Watch([&forgotten] { ++forgotten; }));
  gate.Drain(absl::ZeroDuration());
  gate.Drain(absl::ZeroDuration());
  EXPECT_EQ(told, 1);
  EXPECT_EQ(forgotten, 0);
  gate.Watch([&told] { ++told; });  // drains already
  EXPECT_EQ(told, 2);
}

}  // namespace
}  // namespace vitok
