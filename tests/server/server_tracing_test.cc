// What a call leaves at a trace collector.
#include <gmock/gmock.h>

#include <map>

#include "tests/server/server_fixture.h"
#include "tests/server/tracing/fake_collector.h"

namespace vitok {
namespace {

using ::testing::SizeIs;

class TracingTest : public ServerTest {
 protected:
  using Span = nlohmann::json;

  TracingTest() { options_.tracing.endpoint = collector_.endpoint(); }

  // Ends the server, which sends what waits; then the spans by name.
  std::multimap<std::string, Span> Spans() {
    server_->Shutdown();
    server_.reset();
    std::multimap<std::string, Span> spans;
    for (const Span& span : collector_.spans()) spans.emplace(span["name"], span);
    return spans;
  }

  FakeCollector collector_;
};

constexpr char kTrace[] = "0af7651916cd43dd8448eb211c80319c";
constexpr char kTraceparent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST_F(TracingTest, PutsACallAndItsBatchIntoTheCallersTrace) {
  StartServer();
  grpc::ClientContext context;
  context.AddMetadata("traceparent", kTraceparent);
  v1::EncodeResponse response;
  ASSERT_TRUE(stub_->Encode(&context, EncodeOf(Raw(Image(4, 4))), &response).ok());
  const auto spans = Spans();
  ASSERT_EQ(spans.count("vitok.v1.Tokenizer/Encode"), 1);
  const Span& call = spans.find("vitok.v1.Tokenizer/Encode")->second;
  EXPECT_EQ(call["traceId"], kTrace);
  EXPECT_EQ(call["parentSpanId"], "b7ad6b7169203331");
  for (const char* stage : {"preprocess", "queue", "postprocess"}) {
    ASSERT_EQ(spans.count(stage), 1) << stage;
    EXPECT_EQ(spans.find(stage)->second["parentSpanId"], call["spanId"]) << stage;
  }
  // The batch has a span of its own in another trace; both sides link to each other.
  const Span* stage = nullptr;
  const Span* batch = nullptr;
  for (const auto& [name, span] : spans) {
    if (span.contains("links")) (span["traceId"] == kTrace ? stage : batch) = &span;
  }
  ASSERT_NE(stage, nullptr);
  ASSERT_NE(batch, nullptr);
  EXPECT_EQ((*stage)["links"][0]["spanId"], (*batch)["spanId"]);
  EXPECT_EQ((*batch)["links"][0]["spanId"], call["spanId"]);
}

TEST_F(TracingTest, TracesEachRequestOfAStreamAndRefusals) {
  StartServer();
  grpc::ClientContext context;
  context.AddMetadata("traceparent", kTraceparent);
  const auto stream = stub_->EncodeStream(&context);
  v1::EncodeStreamRequest good, bad;
  *good.mutable_request() = EncodeOf(Raw(Image(2, 2)));
  stream->Write(good);
  stream->Write(bad);
  stream->WritesDone();
  v1::EncodeStreamResponse reply;
  while (stream->Read(&reply)) {
  }
  ASSERT_TRUE(stream->Finish().ok());
  EXPECT_EQ(Spans().count("vitok.v1.Tokenizer/EncodeStream"), 2);
}

TEST_F(TracingTest, SendsNothingOfCallsThatAreNotSampled) {
  options_.tracing.sample_ratio = 0;
  StartServer();
  ExpectGoodService();
  EXPECT_THAT(Spans(), SizeIs(0));
}

// No collector.
TEST_F(TracingTest, F25_ServesAndCountsWhatIsLostWhileTheCollectorIsAway) {
  const ClosedPort nobody;
  options_.tracing.endpoint = nobody.endpoint();
  options_.tracing.sample_ratio = 1;
  options_.tracing.queue_spans = 1;
  StartServer();
  for (int i = 0; i < 20; ++i) ExpectGoodService();
  EXPECT_GT(Metric("vitok_telemetry_dropped_total{sink=\"trace\"}"), 0);
}

}  // namespace
}  // namespace vitok
