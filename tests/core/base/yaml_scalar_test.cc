#include "core/base/yaml_scalar.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace vitok {
namespace {

using nlohmann::json;

TEST(ResolvePlainScalarTest, FollowsTheCoreSchema) {
  const std::pair<const char*, json> cases[] = {
      {"", nullptr},
      {"~", nullptr},
      {"null", nullptr},
      {"NULL", nullptr},
      {"true", true},
      {"True", true},
      {"FALSE", false},
      {"0", 0},
      {"-0", 0},
      {"+12", 12},
      {"-7", -7},
      {"010", 10},
      {"0o17", 15},
      {"0xfF", 255},
      {"1.5", 1.5},
      {"-.5", -0.5},
      {"3.", 3.0},
      {"1e3", 1000.0},
      {"+2.5E-1", 0.25},
      {"0.", 0.0},
      {"9223372036854775807", std::numeric_limits<int64_t>::max()},
      {"-9223372036854775808", std::numeric_limits<int64_t>::min()},
      {"18446744073709551615", std::numeric_limits<uint64_t>::max()},
  };
  for (const auto& [text, expected] : cases) {
    const auto value = ResolvePlainScalar(text);
    ASSERT_TRUE(value.ok()) << text << ": " << value.status();
    EXPECT_EQ(*value, expected) << text;
    EXPECT_EQ(value->type_name(), std::string(expected.type_name())) << text;
    EXPECT_EQ(value->is_number_float(), expected.is_number_float()) << text;
  }
}

TEST(ResolvePlainScalarTest, LeavesEverythingElseAString) {
  for (const char* text :
       {"nUll",  "yes",  "No",   "on", "tRue",  "1_000",          "0x",         "0xg", "0o8", "0b1", "1e",
        "1e+",   ".",    "-",    "+",  "1.2.3", "127.0.0.1:8500", "unix:/path", "inf", "nan", "--1", "1 2",
        "12:30", "+0x1", "..inf"}) {
    const auto value = ResolvePlainScalar(text);
    ASSERT_TRUE(value.ok()) << text << ": " << value.status();
    EXPECT_EQ(*value, json(text));
  }
}

TEST(ResolvePlainScalarTest, RefusesNumbersJsonCannotHold) {
  for (const char* text : {".inf", "-.INF", "+.Inf", ".nan", ".NaN", "1e999", "18446744073709551616",
                           "-9223372036854775809", "0xfffffffffffffffff"}) {
    const absl::Status status = ResolvePlainScalar(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_NE(status.message().find(text), status.message().npos) << status;
  }
}

}  // namespace
}  // namespace vitok
