#include "server/drain_gate.h"

#include <gtest/gtest.h>

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

TEST(DrainGateTest, GivesUpAfterTheGracePeriod) {
  DrainGate gate;
  ASSERT_TRUE(gate.Enter());
  EXPECT_FALSE(gate.Drain(absl::Milliseconds(1)));
}

}  // namespace
}  // namespace vitok
