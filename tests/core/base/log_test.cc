#include "core/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <cmath>
#include <functional>
#include <limits>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

namespace vitok {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

class LogTest : public testing::Test {
 protected:
  ~LogTest() override { spdlog::set_default_logger(before_); }

  // What `log` writes to standard error after InitLogging with these options.
  static std::string Capture(LogOptions::Format format, const std::function<void()>& log, std::string level = "info") {
    LogOptions options;
    options.format = format;
    options.level = std::move(level);
    EXPECT_TRUE(InitLogging(options).ok());
    testing::internal::CaptureStderr();
    log();
    return testing::internal::GetCapturedStderr();
  }

  std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
};

constexpr auto kText = LogOptions::Format::kText;
constexpr auto kJson = LogOptions::Format::kJson;

TEST_F(LogTest, WritesPlainMessagesAsText) {
  EXPECT_THAT(Capture(kText, [] { spdlog::warn("disk {} full", 7); }),
              MatchesRegex("[0-9]+-[0-9]+-[0-9]+T[0-9]+:[0-9]+:[0-9]+\\.[0-9]+Z warn disk 7 full\n"));
}

TEST_F(LogTest, WritesEventsAsTextInFieldOrder) {
  const std::string line = Capture(kText, [] {
    LogEvent(spdlog::level::info, "request",
             {{"method", "Encode"}, {"tokens", 256}, {"psnr_db", 31.5}, {"model", "a b"}, {"note", ""}});
  });
  EXPECT_THAT(line, HasSubstr(" info request method=Encode tokens=256 psnr_db=31.5 model=\"a b\" note=\"\"\n"));
}

TEST_F(LogTest, WritesEventsAsJsonWithFieldsBesideTheMessage) {
  const std::string line = Capture(kJson, [] {
    LogEvent(spdlog::level::err, "request", {{"zeta", "Encode"}, {"alpha", int64_t{1} << 60}, {"ratio", 0.1}});
  });
  const auto event = nlohmann::ordered_json::parse(line);
  EXPECT_EQ(event["level"], "error");
  EXPECT_EQ(event["message"], "request");
  EXPECT_EQ(event["alpha"], int64_t{1} << 60);
  EXPECT_EQ(event["ratio"], 0.1);
  std::vector<std::string> names;
  for (const auto& [name, value] : event.items()) names.push_back(name);
  EXPECT_THAT(names, testing::ElementsAre("time", "level", "message", "zeta", "alpha", "ratio"));
  EXPECT_THAT(event["time"].get<std::string>(),
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z"));
}

TEST_F(LogTest, WritesPlainMessagesAsJsonAlsoAfterAnEvent) {
  const std::string lines = Capture(kJson, [] {
    LogEvent(spdlog::level::info, "first", {{"field", 1}});
    spdlog::info("second");
  });
  const auto event = nlohmann::json::parse(lines.substr(lines.find('\n') + 1));
  EXPECT_EQ(event["message"], "second");
  EXPECT_FALSE(event.contains("field"));
}

TEST_F(LogTest, KeepsAnEventOnOneLineWhateverItsText) {
  const std::string hostile = "a\nb\r\x01\x7f\"\\\t=";
  const std::string text = Capture(kText, [&] { LogEvent(spdlog::level::info, hostile, {{"f", hostile}}); });
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_THAT(text, HasSubstr("a\\nb\\x0d\\x01\\x7f\"\\\\x09= f=\"a\\nb\\r\\u0001"));
  const std::string json = Capture(kJson, [&] { LogEvent(spdlog::level::info, hostile, {{"f", hostile}}); });
  EXPECT_EQ(std::count(json.begin(), json.end(), '\n'), 1);
  EXPECT_EQ(nlohmann::json::parse(json)["message"], hostile);
  EXPECT_EQ(nlohmann::json::parse(json)["f"], hostile);
}

TEST_F(LogTest, WritesValidJsonForAnyBytes) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  const std::string line = Capture(kJson, [&] {
    LogEvent(spdlog::level::info, bytes, {{"f", bytes}, {"nan", std::nan("")}, {"inf", HUGE_VAL}});
  });
  const auto event = nlohmann::json::parse(line);
  EXPECT_THAT(event["f"].get<std::string>(), HasSubstr("\xEF\xBF\xBD"));
  EXPECT_TRUE(event["nan"].is_null());
  EXPECT_TRUE(event["inf"].is_null());
}

TEST_F(LogTest, DropsEventsBelowTheLevel) {
  const auto log_all = [] {
    spdlog::debug("x");
    LogEvent(spdlog::level::info, "x", {});
    LogEvent(spdlog::level::warn, "shown", {});
  };
  EXPECT_THAT(Capture(kText, log_all, "warn"), MatchesRegex("[^\n]*warn shown\n"));
  EXPECT_EQ(Capture(kText, log_all, "off"), "");
}

TEST_F(LogTest, RefusesUnknownLevel) {
  LogOptions options;
  options.level = "loud";
  const absl::Status status = InitLogging(options);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("was 'loud'"));
}

TEST_F(LogTest, KeepsEventsOfThreadsApart) {
  const std::string lines = Capture(kJson, [] {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([t] {
        for (int i = 0; i < 50; ++i) LogEvent(spdlog::level::info, std::to_string(t), {{"thread", t}, {"i", i}});
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  std::istringstream stream(lines);
  std::string line;
  int events = 0;
  for (; std::getline(stream, line); ++events) {
    const auto event = nlohmann::json::parse(line);
    EXPECT_EQ(event["message"], std::to_string(event["thread"].get<int>()));
  }
  EXPECT_EQ(events, 200);
}

}  // namespace
}  // namespace vitok
