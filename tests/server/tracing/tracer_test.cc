#include "server/tracing/tracer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "absl/time/clock.h"
#include "tests/server/tracing/fake_collector.h"

namespace vitok {
namespace {

using ::testing::SizeIs;

constexpr char kMethod[] = "vitok.v1.Tokenizer/Encode";
constexpr char kSampled[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
constexpr char kNotSampled[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

class TracerTest : public testing::Test {
 protected:
  std::unique_ptr<Tracer> Start(double sample_ratio, const std::string& endpoint) {
    // Its end sends what waits, with time enough for a loaded machine.
    auto exporter = SpanExporter::Create({.endpoint = endpoint, .timeout = absl::Hours(1), .flush = absl::Seconds(60)},
                                         {}, Counters());
    EXPECT_TRUE(exporter.ok()) << exporter.status();
    return std::make_unique<Tracer>(sample_ratio, *std::move(exporter));
  }
  std::unique_ptr<Tracer> Start(double sample_ratio) { return Start(sample_ratio, collector_.endpoint()); }

  SpanCounters Counters() {
    return {[this](int64_t spans) { exported_ += spans; }, [this](int64_t spans) { dropped_ += spans; }};
  }

  static RequestTrace StartCall(Tracer& tracer, const Tracer::Metadata& metadata) {
    return tracer.StartRequest(metadata, kMethod, absl::Now());
  }
  static bool Traces(Tracer& tracer, const Tracer::Metadata& metadata) {
    return StartCall(tracer, metadata).context().valid();
  }

  FakeCollector collector_;
  std::atomic<int64_t> exported_{0};
  std::atomic<int64_t> dropped_{0};
};

TEST_F(TracerTest, TheCallerDecidesIfItHasATrace) {
  const auto never = Start(0);
  EXPECT_TRUE(Traces(*never, {{"traceparent", kSampled}}));
  EXPECT_FALSE(Traces(*never, {{"traceparent", kNotSampled}}));
  const auto always = Start(1);
  EXPECT_TRUE(Traces(*always, {{"traceparent", kSampled}}));
  EXPECT_FALSE(Traces(*always, {{"traceparent", kNotSampled}}));
}

TEST_F(TracerTest, TheRatioDecidesWithoutATrace) {
  const std::vector<Tracer::Metadata> none = {
      {}, {{"traceparent", "00-zz"}}, {{"traceparent", kSampled}, {"traceparent", kSampled}}};
  const auto never = Start(0);
  const auto always = Start(1);
  for (const Tracer::Metadata& metadata : none) {
    EXPECT_FALSE(Traces(*never, metadata));
    EXPECT_TRUE(Traces(*always, metadata));
  }
  const auto half = Start(0.5);
  int traced = 0;
  for (int i = 0; i < 10'000; ++i) traced += Traces(*half, {}) ? 1 : 0;
  EXPECT_NEAR(traced, 5000, 500);
}

TEST_F(TracerTest, GoesOnWithTheCallersTrace) {
  const auto tracer = Start(0);
  const RequestTrace trace = StartCall(*tracer, {{"traceparent", kSampled}});
  EXPECT_EQ(trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_NE(trace.context().span.ToHex(), "b7ad6b7169203331");
}

TEST_F(TracerTest, WithoutAnEndpointNothingIsTraced) {
  const auto created = Tracer::Create({.endpoint = "", .sample_ratio = 1}, "1.2.3", Counters());
  ASSERT_TRUE(created.ok()) << created.status();
  Tracer* const tracer = created->get();
  RequestTrace trace = StartCall(*tracer, {{"traceparent", kSampled}});
  EXPECT_FALSE(trace.context().valid());
  EXPECT_EQ(trace.trace_id(), "");
  BatchTrace batch = tracer->StartBatch();
  batch.AddRequest({{1, 2}, {3}});
  EXPECT_FALSE(batch.context().valid());
  batch.End({});
  trace.End({.status = absl::OkStatus()});
}

TEST_F(TracerTest, ABatchIsTracedOnceATracedRequestIsInIt) {
  const auto tracer = Start(1);
  BatchTrace batch = tracer->StartBatch();
  batch.AddRequest({});
  EXPECT_FALSE(batch.context().valid());
  batch.AddRequest({{1, 2}, {3}});
  EXPECT_TRUE(batch.context().valid());
  EXPECT_NE(batch.context().trace, (TraceId{1, 2}));
}

nlohmann::json Find(const std::vector<nlohmann::json>& spans, const char* name, bool root) {
  for (const nlohmann::json& span : spans) {
    if (span.at("name") == name && span.contains("parentSpanId") != root) return span;
  }
  ADD_FAILURE() << "no span " << name;
  return {};
}

TEST_F(TracerTest, CallAndBatchReachTheCollectorAndLinkToEachOther) {
  auto tracer = Start(0);
  RequestTrace trace =
      StartCall(*tracer, {{"traceparent", kSampled}, {"tracestate", "a=1"}, {"tracestate", "b=2"}, {"other", "value"}});
  BatchTrace batch = tracer->StartBatch();
  batch.AddRequest(trace.context());
  const SpanContext batch_context = batch.context();
  batch.End({.model = {"tiny", 1}, .device = "cpu", .duration = absl::Milliseconds(1)});
  RequestTimings timings;
  timings.preprocess = timings.compute = absl::Milliseconds(1);
  timings.total = absl::Milliseconds(2);
  trace.AddItem({.start = absl::Now(), .tokens = 16, .timings = timings, .batch = batch_context});
  const ModelKey model = {"tiny", 1};
  trace.End({.model = &model, .images = 1, .tokens = 16, .request_id = "r", .status = absl::OkStatus()});
  EXPECT_FALSE(trace.context().valid());
  trace.End({.status = absl::OkStatus()});  // there is nothing left to send
  tracer.reset();

  const std::vector<nlohmann::json> spans = collector_.spans();
  EXPECT_THAT(spans, SizeIs(9));
  EXPECT_EQ(exported_, 9);
  EXPECT_EQ(dropped_, 0);
  const nlohmann::json batch_span = Find(spans, "batch", /*root=*/true);
  const auto call_span = std::ranges::find(spans, kMethod, [](const auto& span) { return span.at("name"); });
  ASSERT_NE(call_span, spans.end());
  EXPECT_EQ(call_span->at("parentSpanId"), "b7ad6b7169203331");
  EXPECT_EQ(call_span->at("traceId"), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(call_span->at("traceState"), "a=1,b=2");
  const nlohmann::json stage = Find(spans, "batch", /*root=*/false);
  EXPECT_EQ(stage.at("parentSpanId"), call_span->at("spanId"));
  EXPECT_EQ(stage.at("links").at(0).at("spanId"), batch_span.at("spanId"));
  EXPECT_EQ(stage.at("links").at(0).at("traceId"), batch_span.at("traceId"));
  EXPECT_EQ(batch_span.at("links").at(0).at("spanId"), call_span->at("spanId"));
  EXPECT_EQ(Find(spans, "compute", /*root=*/false).at("parentSpanId"), stage.at("spanId"));
}

TEST_F(TracerTest, LeavesOutATracestateThatMayNotBePassedOn) {
  const std::string half(300, 'v');
  for (const Tracer::Metadata& headers :
       {Tracer::Metadata{{"tracestate", "A=1"}}, Tracer::Metadata{{"tracestate", "a=1"}, {"tracestate", "a=2"}},
        Tracer::Metadata{{"tracestate", half}, {"tracestate", half}}}) {
    FakeCollector collector;
    auto tracer = Start(0, collector.endpoint());
    Tracer::Metadata metadata = headers;
    metadata.emplace("traceparent", kSampled);
    StartCall(*tracer, metadata).End({.status = absl::OkStatus()});
    tracer.reset();
    ASSERT_THAT(collector.spans(), SizeIs(1));
    EXPECT_FALSE(collector.spans()[0].contains("traceState"));
  }
}

TEST_F(TracerTest, CallsOfAllThreadsAreCountedOnce) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 500;
  auto tracer = Start(1);
  std::vector<std::thread> callers;
  for (int i = 0; i < kThreads; ++i) {
    callers.emplace_back([&tracer] {
      for (int j = 0; j < kCalls; ++j) StartCall(*tracer, {}).End({.status = absl::OkStatus()});
    });
  }
  for (std::thread& caller : callers) caller.join();
  tracer.reset();
  EXPECT_EQ(exported_ + dropped_, kThreads * kCalls);
  EXPECT_EQ(exported_, static_cast<int64_t>(collector_.spans().size()));
}

TEST_F(TracerTest, F25_AnAbsentCollectorOnlyCostsSpans) {
  const ClosedPort nobody;
  auto tracer = Start(1, nobody.endpoint());
  for (int i = 0; i < 10'000; ++i) StartCall(*tracer, {}).End({.status = absl::OkStatus()});
  EXPECT_GE(dropped_, 10'000 - 8192 - 512);
  EXPECT_EQ(exported_, 0);
}

TEST_F(TracerTest, IsMadeFromItsOptions) {
  auto tracer = Tracer::Create({.endpoint = collector_.endpoint(), .sample_ratio = 1}, "1.2.3", Counters());
  ASSERT_TRUE(tracer.ok()) << tracer.status();
  EXPECT_TRUE(Traces(**tracer, {}));
}

TEST_F(TracerTest, RefusesABadEndpoint) {
  EXPECT_EQ(Tracer::Create({.endpoint = "localhost"}, "1", {}).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace vitok
