#include "server/stop_signal.h"

#include <gtest/gtest.h>

#include <csignal>

namespace vitok {
namespace {

TEST(StopSignalTest, KeepsASignalThatComesBeforeWait) {
  for (const int signal : {SIGTERM, SIGINT}) {
    StopSignal stop;
    stop.KeepSignals();
    raise(signal);
    EXPECT_EQ(stop.Wait(), signal);
  }
}

TEST(StopSignalTest, WakesWithoutASignal) {
  StopSignal stop;
  stop.KeepSignals();
  stop.Wake();
  EXPECT_EQ(stop.Wait(), 0);
}

TEST(StopSignalDeathTest, F17_ASecondSignalEndsTheProcess) {
  const auto signal_twice = [] {
    StopSignal stop;
    stop.KeepSignals();
    raise(SIGTERM);
    raise(SIGTERM);
  };
  EXPECT_EXIT(signal_twice(), ::testing::ExitedWithCode(1), "");
}

TEST(StopSignalDeathTest, F17_ASignalBeforeServingEndsTheProcessCleanly) {
  const auto signal_early = [] {
    StopSignal stop;
    raise(SIGTERM);
  };
  EXPECT_EXIT(signal_early(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace vitok
