#include "server/tracing/batch_span.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace vitok {
namespace {

using ::testing::ElementsAre;

constexpr SpanContext kCall = {{1, 2}, {3}};
constexpr SpanContext kBatch = {{4, 5}, {6}};

absl::Time At(int64_t milliseconds) { return absl::FromUnixSeconds(1'700'000'000) + absl::Milliseconds(milliseconds); }

ServerMetrics::BatchRecord Record() {
  return {.model = {"tiny", 3},
          .device = "cuda:0",
          .tokens = 512,
          .images = 2,
          .fill = 0.25,
          .reason = CloseReason::kDelay,
          .duration = absl::Milliseconds(7)};
}

TEST(BatchSpanTest, SaysWhatTheBatchWas) {
  BatchSpan batch(kBatch);
  batch.AddRequest(kCall);
  batch.AddRequest(kCall);
  batch.AddRequest({kCall.trace, {10}});
  batch.End(Record(), At(10));
  std::vector<Span> spans;
  batch.AppendSpans(spans);
  ASSERT_EQ(spans.size(), batch.CountSpans());
  EXPECT_EQ(spans[0].context, kBatch);
  EXPECT_FALSE(spans[0].parent.valid());
  EXPECT_EQ(spans[0].name, "batch");
  EXPECT_EQ(spans[0].start, At(3));
  EXPECT_EQ(spans[0].end, At(10));
  EXPECT_THAT(spans[0].links, ElementsAre(kCall, SpanContext{kCall.trace, {10}}));
  const std::map<std::string_view, Span::Value> expected = {{"vitok.model", "tiny"},
                                                            {"vitok.model_version", int64_t{3}},
                                                            {"vitok.device", "cuda:0"},
                                                            {"vitok.images", int64_t{2}},
                                                            {"vitok.tokens", int64_t{512}},
                                                            {"vitok.batch.fill", 0.25},
                                                            {"vitok.batch.close_reason", "delay"}};
  const std::map<std::string_view, Span::Value> attributes(spans[0].attributes.begin(), spans[0].attributes.end());
  EXPECT_EQ(attributes, expected);
}

TEST(BatchSpanTest, HasBoundedlyManyLinks) {
  BatchSpan batch(kBatch);
  for (uint64_t i = 1; i <= 2 * BatchSpan::kMaxRequests; ++i) batch.AddRequest({kCall.trace, {i}});
  batch.End(Record(), At(10));
  std::vector<Span> spans;
  batch.AppendSpans(spans);
  EXPECT_EQ(spans[0].links.size(), BatchSpan::kMaxRequests);
}

}  // namespace
}  // namespace vitok
