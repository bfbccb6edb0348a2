#include "core/image/pipeline_syntax.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace vitok {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string ErrorOf(const std::string& text) {
  const absl::StatusOr<std::vector<OpCall>> calls = ParsePipelineSyntax(text);
  EXPECT_EQ(calls.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(calls.status().message());
}

// The only argument of "f(<text>)".
template <typename T>
T ArgumentOf(const std::string& text) {
  const std::string op = "f(" + text + ")";
  const absl::StatusOr<OpCall> call = ParseOpSyntax(op);
  EXPECT_TRUE(call.ok()) << call.status();
  if (!call.ok() || call->args.size() != 1) return T();
  const T* value = std::get_if<T>(&call->args[0].value);
  EXPECT_NE(value, nullptr) << text << " has another type";
  return value == nullptr ? T() : *value;
}

TEST(PipelineSyntaxTest, CountsPartsAndPositions) {
  const std::string text = " a |  | b(1) ";
  const absl::StatusOr<std::vector<OpCall>> calls = ParsePipelineSyntax(text);
  ASSERT_TRUE(calls.ok()) << calls.status();
  ASSERT_EQ(calls->size(), 2);
  EXPECT_EQ((*calls)[0].part, 1);
  EXPECT_EQ((*calls)[0].position, 1);
  EXPECT_EQ((*calls)[1].part, 3);
  EXPECT_EQ((*calls)[1].position, 8);
  EXPECT_EQ((*calls)[1].text, "b(1)");
}

TEST(PipelineSyntaxTest, ErrorsNamePartPositionAndPlace) {
  EXPECT_THAT(ErrorOf("to_tensor | patchify(16 256)"),
              AllOf(HasSubstr("part 2"), HasSubstr("\"patchify(16 256)\""), HasSubstr("position 12"),
                    HasSubstr("expected ',' or ')'"), HasSubstr("character 13"), HasSubstr("near '256)'")));
  EXPECT_THAT(ErrorOf("center_crop(256"), HasSubstr("at its end"));
  EXPECT_THAT(ErrorOf("patchify(patch=16, 256)"), HasSubstr("positional argument follows"));
  EXPECT_THAT(ErrorOf("patchify(patch=16, patch=8)"), HasSubstr("'patch' is given twice"));
  EXPECT_THAT(ErrorOf("normalize('imagenet)"), HasSubstr("closing quote"));
}

TEST(PipelineSyntaxTest, ReadsNumbersAsPythonDoes) {
  EXPECT_EQ(ArgumentOf<int64_t>("1_024"), 1024);
  EXPECT_EQ(ArgumentOf<int64_t>("-0x1F"), -31);
  EXPECT_EQ(ArgumentOf<int64_t>("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(ArgumentOf<double>("1."), 1.0);
  EXPECT_EQ(ArgumentOf<double>("-.5E+1"), -5.0);
  for (const char* bad :
       {"1__0", "_", "1_", "0x", "0xg", "1e", "1.2.3", "007", "9223372036854775808", "1-2", "- ", "nan", "1e999"}) {
    const std::string op = "f([" + std::string(bad) + "])";
    EXPECT_FALSE(ParseOpSyntax(op).ok()) << bad;
  }
}

TEST(PipelineSyntaxTest, ReadsStringsWithEscapes) {
  EXPECT_EQ(ArgumentOf<std::string>(R"('a\'b\\c\n')"), "a'b\\c\n");
  EXPECT_EQ(ArgumentOf<std::string>("\"it's\""), "it's");
  EXPECT_FALSE(ParseOpSyntax(R"(f('\x41'))").ok());
  EXPECT_FALSE(ParseOpSyntax("f('a\nb')").ok());
  EXPECT_FALSE(ParseOpSyntax("f('a\n')").ok());
}

TEST(PipelineSyntaxTest, ParenthesesAroundOneValueMakeNoTuple) {
  EXPECT_EQ(ArgumentOf<int64_t>("(5)"), 5);
  EXPECT_EQ(ArgumentOf<ArgTuple>("(5,)").values.size(), 1);
}

TEST(PipelineSyntaxTest, RefusesDeepNesting) {
  EXPECT_THAT(ErrorOf("f(" + std::string(100000, '[') + ")"), HasSubstr("nested too deeply"));
}

TEST(PipelineSyntaxTest, LongPartsAreCutInMessages) {
  EXPECT_LT(ErrorOf("f(" + std::string(100000, 'x') + "!)").size(), 400);
}

}  // namespace
}  // namespace vitok
