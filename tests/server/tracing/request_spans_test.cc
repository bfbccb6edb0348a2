#include "server/tracing/request_spans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace vitok {
namespace {

using ::testing::ElementsAre;

constexpr SpanContext kCall = {{1, 2}, {3}};
constexpr SpanContext kBatch = {{4, 5}, {6}};
constexpr SpanContext kOtherBatch = {{7, 8}, {9}};
const absl::Time kArrival = absl::FromUnixSeconds(1'700'000'000);

absl::Time At(int64_t milliseconds) { return kArrival + absl::Milliseconds(milliseconds); }

// Stages of 1, 2, 3, 4, 5 and 6 ms, and one more between the end of the device's work and that of the batch.
RequestTimings Timings() {
  return {.preprocess = absl::Milliseconds(1),
          .queue = absl::Milliseconds(2),
          .host_to_device = absl::Milliseconds(3),
          .compute = absl::Milliseconds(4),
          .device_to_host = absl::Milliseconds(5),
          .postprocess = absl::Milliseconds(6),
          .total = absl::Milliseconds(22)};
}

RequestSpans Call(SpanId parent = {}) {
  return RequestSpans(kCall, parent, parent.valid() ? "a=1" : "", "vitok.v1.Tokenizer/Encode", kArrival);
}

std::vector<Span> SpansOf(RequestSpans& call, const absl::Status& status = absl::OkStatus()) {
  const ModelKey model = {"tiny", 3};
  call.End({.model = &model, .images = 2, .tokens = 512, .request_id = "r-1", .status = status}, At(25));
  std::vector<Span> spans;
  call.AppendSpans(spans);
  EXPECT_EQ(spans.size(), call.CountSpans());
  return spans;
}

std::vector<std::string> Names(const std::vector<Span>& spans) {
  std::vector<std::string> names;
  for (const Span& span : spans) names.push_back(span.name);
  return names;
}

std::map<std::string_view, Span::Value> Attributes(const Span& span) {
  return {span.attributes.begin(), span.attributes.end()};
}

TEST(RequestSpansTest, TheCallIsAServerSpanBelowItsCaller) {
  RequestSpans call = Call({0xc});
  const std::vector<Span> spans = SpansOf(call);
  ASSERT_EQ(spans.size(), 1);
  const Span& span = spans[0];
  EXPECT_EQ(span.context, kCall);
  EXPECT_EQ(span.parent, SpanId{0xc});
  EXPECT_TRUE(span.remote_parent);
  EXPECT_EQ(span.trace_state, "a=1");
  EXPECT_EQ(span.name, "vitok.v1.Tokenizer/Encode");
  EXPECT_EQ(span.kind, Span::Kind::kServer);
  EXPECT_EQ(span.start, kArrival);
  EXPECT_EQ(span.end, At(25));
  EXPECT_FALSE(span.error);
  const std::map<std::string_view, Span::Value> expected = {{"rpc.system", "grpc"},
                                                            {"rpc.service", "vitok.v1.Tokenizer"},
                                                            {"rpc.method", "Encode"},
                                                            {"rpc.grpc.status_code", int64_t{0}},
                                                            {"vitok.request_id", "r-1"},
                                                            {"vitok.model", "tiny"},
                                                            {"vitok.model_version", int64_t{3}},
                                                            {"vitok.images", int64_t{2}},
                                                            {"vitok.tokens", int64_t{512}}};
  EXPECT_EQ(Attributes(span), expected);
}

TEST(RequestSpansTest, ATraceThatBeginsHereHasNoParent) {
  RequestSpans call = Call();
  const Span span = SpansOf(call)[0];
  EXPECT_FALSE(span.parent.valid());
  EXPECT_FALSE(span.remote_parent);
}

TEST(RequestSpansTest, StagesFollowEachOther) {
  RequestSpans call = Call({0xc});
  const RequestTimings timings = Timings();
  call.AddItem({.start = kArrival, .tokens = 256, .timings = timings, .batch = kBatch});
  const std::vector<Span> spans = SpansOf(call);
  ASSERT_THAT(Names(spans), ElementsAre("vitok.v1.Tokenizer/Encode", "preprocess", "queue", "batch", "host_to_device",
                                        "compute", "device_to_host", "postprocess"));
  const int64_t times_ms[][2] = {{0, 25}, {0, 1}, {1, 3}, {3, 16}, {3, 6}, {6, 10}, {10, 15}, {16, 22}};
  for (size_t i = 0; i < spans.size(); ++i) {
    EXPECT_EQ(spans[i].start, At(times_ms[i][0])) << spans[i].name;
    EXPECT_EQ(spans[i].end, At(times_ms[i][1])) << spans[i].name;
    EXPECT_EQ(spans[i].context.trace, kCall.trace);
    EXPECT_EQ(spans[i].trace_state, "a=1");
    if (i == 0) continue;
    const bool on_device = i >= 4 && i <= 6;
    EXPECT_EQ(spans[i].parent, on_device ? spans[3].context.span : kCall.span) << spans[i].name;
    EXPECT_TRUE(spans[i].context.span.valid());
    EXPECT_FALSE(spans[i].remote_parent);
    EXPECT_EQ(spans[i].kind, Span::Kind::kInternal);
  }
  EXPECT_THAT(spans[3].links, ElementsAre(kBatch));
}

TEST(RequestSpansTest, ItemsOfOneBatchShareItsSpans) {
  RequestSpans call = Call();
  const RequestTimings first = Timings();
  RequestTimings slower = Timings();
  slower.postprocess += absl::Milliseconds(1);
  slower.total += absl::Milliseconds(1);
  RequestTimings later = Timings();
  later.queue += absl::Milliseconds(20);
  later.total += absl::Milliseconds(20);
  call.AddItem({.start = kArrival, .tokens = 1, .timings = first, .batch = kBatch});
  call.AddItem({.start = kArrival, .tokens = 10, .timings = later, .batch = kOtherBatch});
  call.AddItem({.start = kArrival, .tokens = 100, .timings = slower, .batch = kBatch});
  const std::vector<Span> spans = SpansOf(call);
  ASSERT_THAT(Names(spans), ElementsAre("vitok.v1.Tokenizer/Encode", "preprocess", "queue", "batch", "host_to_device",
                                        "compute", "device_to_host", "postprocess", "queue", "batch", "host_to_device",
                                        "compute", "device_to_host", "postprocess"));
  EXPECT_EQ(Attributes(spans[3]).at("vitok.images"), Span::Value(int64_t{2}));
  EXPECT_EQ(Attributes(spans[3]).at("vitok.tokens"), Span::Value(int64_t{101}));
  EXPECT_EQ(spans[7].end, At(23));
  EXPECT_THAT(spans[9].links, ElementsAre(kOtherBatch));
  EXPECT_EQ(spans[9].start, At(23));
}

TEST(RequestSpansTest, AnItemThatFailedHasTheStagesThatItReached) {
  RequestSpans call = Call();
  RequestTimings prepared;
  prepared.preprocess = absl::Milliseconds(1);
  prepared.total = absl::Milliseconds(25);
  call.AddItem({.start = kArrival, .ok = false, .timings = prepared});
  RequestTimings computed = Timings();
  computed.postprocess = absl::ZeroDuration();
  call.AddItem({.start = kArrival, .ok = false, .timings = computed, .batch = kBatch});
  const std::vector<Span> spans = SpansOf(call);
  ASSERT_THAT(Names(spans), ElementsAre("vitok.v1.Tokenizer/Encode", "preprocess", "queue", "batch", "host_to_device",
                                        "compute", "device_to_host", "postprocess"));
  EXPECT_EQ(Attributes(spans[0]).at("vitok.failed_images"), Span::Value(int64_t{2}));
  EXPECT_EQ(spans[3].end, At(15));
  EXPECT_EQ(spans[7].end, At(15));
}

TEST(RequestSpansTest, OnlyErrorsOfTheServerAreErrorsOfTheSpan) {
  for (int code = 0; code <= 16; ++code) {
    RequestSpans call = Call();
    const Span span = SpansOf(call, absl::Status(static_cast<absl::StatusCode>(code), "why"))[0];
    const bool servers = code == 2 || code == 4 || code == 12 || code == 13 || code == 14 || code == 15;
    EXPECT_EQ(span.error, servers) << code;
    EXPECT_EQ(span.error_message, servers ? "why" : "") << code;
    EXPECT_EQ(Attributes(span).at("rpc.grpc.status_code"), Span::Value(int64_t{code}));
  }
}

TEST(RequestSpansTest, ACallThatWasRefusedHasNoModel) {
  RequestSpans call = Call();
  call.End({.request_id = "r-1", .status = absl::NotFoundError("")}, At(1));
  std::vector<Span> spans;
  call.AppendSpans(spans);
  ASSERT_EQ(spans.size(), 1);
  EXPECT_EQ(Attributes(spans[0]).count("vitok.model"), 0);
}

TEST(RequestSpansTest, HasBoundedlyManySpans) {
  RequestSpans call = Call();
  const RequestTimings timings = Timings();
  for (uint64_t i = 1; i <= 2 * RequestSpans::kMaxBatches; ++i) {
    call.AddItem({.start = kArrival, .timings = timings, .batch = {kBatch.trace, {i}}});
  }
  EXPECT_EQ(SpansOf(call).size(), 2 + 6 * RequestSpans::kMaxBatches);
}

TEST(RequestSpansTest, F25_AClockThatIsSetBackLeavesNoSpanThatEndsBeforeItStarts) {
  RequestSpans call = Call();
  RequestTimings timings = Timings();
  timings.queue = absl::Hours(-1);
  timings.total = absl::Hours(-1);
  call.AddItem({.start = kArrival, .timings = timings, .batch = kBatch});
  for (const Span& span : SpansOf(call)) EXPECT_GE(span.end, span.start) << span.name;
}

}  // namespace
}  // namespace vitok
