#include "server/request_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "tests/support/eventually.h"
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
  int calls = 0, built = 0;
  const auto flood = [&] {
    for (int i = 0; i < 100'000; ++i, ++calls) {
      LogRequest(absl::StatusCode::kResourceExhausted, [&built] {
        ++built;
        return Fields();
      });
    }
    return built > 0;
  };
  // The limit is the process's: what came before may have used this second up.
  EXPECT_TRUE(Eventually(flood));
  EXPECT_LT(built, calls / 100);
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
