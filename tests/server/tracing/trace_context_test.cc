#include "server/tracing/trace_context.h"

#include <gtest/gtest.h>

#include "core/base/str_cat.h"

namespace vitok {
namespace {

constexpr char kTrace[] = "0af7651916cd43dd8448eb211c80319c";
constexpr char kSpan[] = "b7ad6b7169203331";

std::string Traceparent(std::string_view version, std::string_view trace, std::string_view span,
                        std::string_view flags) {
  return StrCat(version, "-", trace, "-", span, "-", flags);
}

TEST(TraceparentTest, GivesItsFields) {
  const auto context = ParseTraceparent(Traceparent("00", kTrace, kSpan, "01"));
  ASSERT_TRUE(context.has_value());
  EXPECT_EQ(context->span.trace.high, 0x0af7651916cd43ddu);
  EXPECT_EQ(context->span.trace.low, 0x8448eb211c80319cu);
  EXPECT_EQ(context->span.span.value, 0xb7ad6b7169203331u);
  EXPECT_TRUE(context->sampled);
}

TEST(TraceparentTest, IdsArePrintedAsTheyCame) {
  const std::string small_trace = "000000000000000000000000000000ab";
  const std::string small_span = "00000000000000cd";
  for (const auto& [trace, span] : {std::pair<std::string, std::string>(kTrace, kSpan), {small_trace, small_span}}) {
    const auto context = ParseTraceparent(Traceparent("00", trace, span, "00"));
    ASSERT_TRUE(context.has_value());
    EXPECT_EQ(context->span.trace.ToHex(), trace);
    EXPECT_EQ(context->span.span.ToHex(), span);
  }
}

TEST(TraceparentTest, OnlyTheLastBitOfTheFlagsSaysSampled) {
  for (const auto& [flags, sampled] : {std::pair<const char*, bool>("00", false),
                                       {"01", true},
                                       {"02", false},
                                       {"03", true},
                                       {"fe", false},
                                       {"ff", true}}) {
    const auto context = ParseTraceparent(Traceparent("00", kTrace, kSpan, flags));
    ASSERT_TRUE(context.has_value()) << flags;
    EXPECT_EQ(context->sampled, sampled) << flags;
  }
}

TEST(TraceparentTest, LaterVersionsMayHaveMoreFields) {
  EXPECT_TRUE(ParseTraceparent(Traceparent("01", kTrace, kSpan, "01")).has_value());
  EXPECT_TRUE(ParseTraceparent(Traceparent("cc", kTrace, kSpan, "01-what-the-future-will-be-like")).has_value());
  EXPECT_TRUE(ParseTraceparent(Traceparent("cc", kTrace, kSpan, "01-")).has_value());
  EXPECT_FALSE(ParseTraceparent(Traceparent("cc", kTrace, kSpan, "01.what")).has_value());
  EXPECT_FALSE(ParseTraceparent(Traceparent("cc", kTrace, kSpan, "010")).has_value());
}

class MalformedTraceparentTest : public testing::TestWithParam<std::string> {};

TEST_P(MalformedTraceparentTest, IsNone) { EXPECT_FALSE(ParseTraceparent(GetParam()).has_value()) << GetParam(); }

INSTANTIATE_TEST_SUITE_P(
    All, MalformedTraceparentTest,
    testing::Values("", "00", "00-", Traceparent("ff", kTrace, kSpan, "01"), Traceparent("0", kTrace, kSpan, "01"),
                    Traceparent("000", kTrace, kSpan, "01"), Traceparent("0G", kTrace, kSpan, "01"),
                    Traceparent("00", "00000000000000000000000000000000", kSpan, "01"),
                    Traceparent("00", kTrace, "0000000000000000", "01"),
                    Traceparent("00", "0AF7651916CD43DD8448EB211C80319C", kSpan, "01"),
                    Traceparent("00", kTrace, "B7AD6B7169203331", "01"), Traceparent("0A", kTrace, kSpan, "01"),
                    Traceparent("00", kTrace, kSpan, "0A"), Traceparent("00", kTrace, kSpan, "1"),
                    Traceparent("00", kTrace, kSpan, "001"), Traceparent("00", kTrace, kSpan, "01-more"),
                    Traceparent("00", kTrace, kSpan, "01 "), StrCat(" ", Traceparent("00", kTrace, kSpan, "01")),
                    Traceparent("00", "af7651916cd43dd8448eb211c80319c", kSpan, "01"),
                    Traceparent("00", "00af7651916cd43dd8448eb211c80319c", kSpan, "01"),
                    Traceparent("00", kTrace, "7ad6b7169203331", "01"),
                    Traceparent("00", "0af7651916cd43dd8448eb211c80319.", kSpan, "01"),
                    Traceparent("00", kTrace, "b7ad6b716920333-", "01"),
                    std::string("00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
                    std::string("00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01"),
                    std::string("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331_01")));

std::string Members(int count) {
  std::string list;
  for (int i = 0; i < count; ++i) list += StrCat(i == 0 ? "" : ",", "k", i, "=v");
  return list;
}

TEST(TracestateTest, TakesWellFormedLists) {
  const std::string longest_value = StrCat("a=", std::string(256, 'v'));
  const std::string longest_key = StrCat(std::string(256, 'k'), "=v");
  const std::string longest_tenant = StrCat("9", std::string(240, 't'), "@", std::string(14, 's'), "=v");
  for (const std::string& list :
       {std::string("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"), std::string("a=1"), std::string(" a=1 ,\tb=2\t"),
        std::string("a=1,,b=2,"), std::string("fw529a3039@dt=FfAf//-;:!"), std::string("a_-*/9=x y"), longest_value,
        longest_key, longest_tenant, Members(32)}) {
    EXPECT_TRUE(IsTracestate(list)) << list;
  }
}

TEST(TracestateTest, RefusesAllOthers) {
  for (const std::string& list : {std::string(),
                                  std::string(" , ,"),
                                  std::string("a"),
                                  std::string("a="),
                                  std::string("=1"),
                                  std::string("A=1"),
                                  std::string("1a=1"),
                                  std::string("a=1=2"),
                                  std::string("a =1"),
                                  std::string("a.b=1"),
                                  std::string("a=1,b"),
                                  std::string("a=1,a=2"),
                                  std::string("a=\xc3\xa9"),
                                  std::string("a=1\n"),
                                  std::string("a=x\ty"),
                                  std::string("a@=1"),
                                  std::string("@a=1"),
                                  std::string("a@1b=1"),
                                  std::string("a@b@c=1"),
                                  StrCat("a=", std::string(257, 'v')),
                                  StrCat(std::string(257, 'k'), "=v"),
                                  StrCat(std::string(242, 't'), "@s=v"),
                                  StrCat("t@", std::string(15, 's'), "=v"),
                                  Members(33),
                                  StrCat("a=", std::string(255, 'v'), ",b=", std::string(253, 'v'))}) {
    EXPECT_FALSE(IsTracestate(list)) << list;
  }
}

TEST(TracestateTest, IsAtMost512Bytes) {
  const std::string full = StrCat("a=", std::string(255, 'v'), ",b=", std::string(252, 'v'));
  ASSERT_EQ(full.size(), 512);
  EXPECT_TRUE(IsTracestate(full));
}

}  // namespace
}  // namespace vitok
