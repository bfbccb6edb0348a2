#include "server/request_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/support/log_capture.h"

namespace vitok {
namespace {

std::vector<LogField> Fields() { return {{"method", "Encode"}}; }

TEST(RequestLogTest, WritesALineForEachCallThatSucceeds) {
  LogCapture log;
  for (int i = 0; i < 1000; ++i) LogRequest(absl::StatusCode::kOk, Fields);
  const std::string text = log.text();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1000);
}

TEST(RequestLogTest, WritesFewLinesForAFloodOfRefusals) {
  LogCapture log;
  int built = 0;
  constexpr int kCalls = 100'000;
  const absl::Time start = absl::Now();
  for (int i = 0; i < kCalls; ++i) {
    LogRequest(absl::StatusCode::kResourceExhausted, [&built] {
      ++built;
      return Fields();
    });
  }
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
  EXPECT_GE(built, 10);
  EXPECT_LE(built, 10 * (seconds + 2));
  LogRequest(absl::StatusCode::kNotFound, Fields);  // another code is not held back by it
  EXPECT_THAT(log.text(), testing::EndsWith("request method=Encode\n"));
}

TEST(RequestLogTest, BuildsNothingBelowTheLevel) {
  LogCapture log;
  spdlog::default_logger()->set_level(spdlog::level::warn);
  int built = 0;
  const auto fields = [&built] {
    ++built;
    return Fields();
  };
  LogRequest(absl::StatusCode::kOk, fields);
  LogRequest(absl::StatusCode::kUnavailable, fields);
  EXPECT_EQ(built, 0);
  LogRequest(absl::StatusCode::kInternal, fields);
  EXPECT_EQ(built, 1);
}

}  // namespace
}  // namespace vitok
