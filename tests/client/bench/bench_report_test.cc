#include "client/bench/bench_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vitok {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

BenchReport MakeReport() {
  BenchReport report;
  report.options.servers = {"unix:/a", "unix:/b"};
  report.options.input = "raw";
  report.options.connections = 1;
  report.options.concurrency = 8;
  report.pool = 64;
  report.server.version = "1.2.3";
  report.model.name = "tiny";
  report.model.device = "cpu";
  report.cpu_cores = 0.25;
  LoadStats& stats = report.stats;
  stats.window = absl::Seconds(10);
  stats.due = 1010;
  for (int i = 0; i < 1000; ++i) {
    stats.codes[absl::StatusCode::kOk].latency.Record(absl::Milliseconds(20));
    for (LatencyHistogram& stage : stats.stages) stage.Record(absl::Milliseconds(2));
  }
  for (int i = 0; i < 10; ++i)
    stats.codes[absl::StatusCode::kResourceExhausted].latency.Record(absl::Microseconds(500));
  stats.codes[absl::StatusCode::kResourceExhausted].message = "queue full";
  stats.finished = 1005;
  stats.succeeded = 990;
  stats.images = 1980;
  stats.tokens = 500'000;
  stats.pixels = 30'000'000;
  stats.sent_bytes = 100'000'000;
  stats.received_bytes = 50'000'000;
  stats.most_in_flight = 8;
  return report;
}

TEST(BenchReportTest, HasTheDocumentedKeys) {
  const nlohmann::ordered_json json = ToJson(MakeReport());
  EXPECT_EQ(json.at("server").at("targets").size(), 2);
  EXPECT_EQ(json.at("server").at("version"), "1.2.3");
  EXPECT_EQ(json.at("server").at("model"), "tiny");
  EXPECT_EQ(json.at("load").at("method"), "encode");
  EXPECT_EQ(json.at("load").at("loop"), "closed");
  EXPECT_EQ(json.at("load").at("concurrency"), 8);
  EXPECT_EQ(json.at("load").at("retries"), false);
  EXPECT_EQ(json.at("load").at("pool"), 64);
  EXPECT_EQ(json.at("window_s"), 10.0);
  EXPECT_EQ(json.at("requests").at("due"), 1010);
  EXPECT_EQ(json.at("requests").at("ok"), 1000);
  EXPECT_EQ(json.at("requests").at("failed"), 10);
  EXPECT_EQ(json.at("requests").at("not_sent"), 0);
  const auto& throughput = json.at("throughput");
  EXPECT_EQ(throughput.at("requests_per_s"), 100.5);
  EXPECT_EQ(throughput.at("goodput_requests_per_s"), 99.0);
  EXPECT_EQ(throughput.at("images_per_s"), 198.0);
  EXPECT_EQ(throughput.at("tokens_per_s"), 50'000.0);
  EXPECT_EQ(throughput.at("pixels_per_s"), 3e6);
  EXPECT_EQ(throughput.at("sent_mb_per_s"), 10.0);
  EXPECT_EQ(throughput.at("received_mb_per_s"), 5.0);
  for (const char* key : {"count", "mean", "min", "p50", "p90", "p95", "p99", "p99_9", "max"}) {
    EXPECT_TRUE(json.at("latency_ms").at("ok").contains(key)) << key;
    EXPECT_TRUE(json.at("latency_ms").at("failed").contains(key)) << key;
  }
  EXPECT_EQ(json.at("latency_ms").at("ok").at("p99"), 20.0);
  EXPECT_EQ(json.at("latency_ms").at("failed").at("max"), 0.5);
  EXPECT_EQ(json.at("codes").at("OK").at("count"), 1000);
  EXPECT_EQ(json.at("codes").at("RESOURCE_EXHAUSTED").at("count"), 10);
  EXPECT_EQ(json.at("codes").at("RESOURCE_EXHAUSTED").at("message"), "queue full");
  EXPECT_EQ(json.at("codes").at("RESOURCE_EXHAUSTED").at("latency_ms").at("p50"), 0.5);
  for (const char* stage :
       {"preprocess", "queue", "host_to_device", "compute", "device_to_host", "postprocess", "total", "transport"}) {
    EXPECT_EQ(json.at("stages_ms").at(stage).at("p50"), 2.0) << stage;
  }
  EXPECT_EQ(json.at("client").at("cpu_cores"), 0.25);
  EXPECT_EQ(json.at("client").at("most_in_flight"), 8);
  EXPECT_TRUE(json.at("client").contains("send_delay_ms"));
}

TEST(BenchReportTest, DescribesAnOpenLoop) {
  BenchReport report = MakeReport();
  report.options.rate_per_s = 50;
  report.options.method = "decode";
  report.options.latents = "random";
  const nlohmann::ordered_json load = ToJson(report).at("load");
  EXPECT_EQ(load.at("loop"), "open");
  EXPECT_EQ(load.at("rate_per_s"), 50.0);
  EXPECT_EQ(load.at("arrivals"), "poisson");
  EXPECT_EQ(load.at("latents"), "random");
  EXPECT_FALSE(load.contains("concurrency"));
  EXPECT_FALSE(load.contains("input"));
  EXPECT_THAT(ToText(report), HasSubstr("open loop, poisson arrivals at 50/s, at most 1024 in flight"));
}

TEST(BenchReportTest, HasNullForPercentilesOfNothing) {
  const nlohmann::ordered_json json = ToJson(BenchReport());
  EXPECT_TRUE(json.at("latency_ms").at("ok").at("p50").is_null());
  EXPECT_EQ(json.at("latency_ms").at("ok").at("count"), 0);
  EXPECT_EQ(json.at("throughput").at("requests_per_s"), 0.0);
  EXPECT_TRUE(json.at("codes").is_object());
}

TEST(BenchReportTest, SaysInWordsWhatWasMeasured) {
  const std::string text = ToText(MakeReport());
  EXPECT_THAT(text, HasSubstr("closed loop, 8 in flight; retries off"));
  EXPECT_THAT(text, HasSubstr("1010 due in 10.00 s: 1000 OK, 10 RESOURCE_EXHAUSTED"));
  EXPECT_THAT(text, HasSubstr("100.5 requests/s, goodput 99.0 requests/s"));
  EXPECT_THAT(text, HasSubstr("first RESOURCE_EXHAUSTED: queue full"));
  EXPECT_THAT(text, HasSubstr("transport"));
  EXPECT_THAT(text, Not(HasSubstr("note:")));
}

TEST(BenchReportTest, WarnsOfWhatMakesNumbersDoubtful) {
  BenchReport report = MakeReport();
  report.stats.not_sent = 7;
  report.stats.send_delay.Record(absl::Milliseconds(3));
  report.stats.most_in_flight = 201;
  const std::string text = ToText(report);
  EXPECT_THAT(text, HasSubstr("7 not sent"));
  EXPECT_THAT(text, HasSubstr("note: 201 requests in flight shared 2 connections; above 100 each"));
  EXPECT_THAT(text, HasSubstr("note: 7 of 1010 requests were not sent, as 1024 were in flight"));
  EXPECT_THAT(text, HasSubstr("note: the load generator was late"));
  EXPECT_THAT(ToText(BenchReport()), HasSubstr("note: the run ended within its warm-up"));
}

TEST(BenchReportTest, TellsOfStreamsAndOfRequestsThatWaitedForThem) {
  BenchReport report = MakeReport();
  EXPECT_EQ(ToJson(report).at("load").at("streams"), 0);
  EXPECT_THAT(ToText(report), Not(HasSubstr("stream")));
  report.options.streams = 2;
  report.server.limits.max_stream_requests = 4;
  EXPECT_EQ(ToJson(report).at("load").at("streams"), 2);
  EXPECT_THAT(ToText(report), HasSubstr("unix:/b, 1 connection each, 2 streams\n"));
  EXPECT_THAT(ToText(report), Not(HasSubstr("note:")));
  report.stats.most_in_flight = 9;
  EXPECT_THAT(ToText(report), HasSubstr("note: 9 requests in flight shared 2 streams; the server takes 4 at a time"));
}

TEST(BenchReportTest, ShowsProgressInALine) {
  EXPECT_EQ(ToText(LoadProgress{.elapsed = absl::Seconds(2),
                                .warming_up = true,
                                .in_flight = 4,
                                .finished = 30,
                                .failed = 2,
                                .not_sent = 1,
                                .since_last = absl::Seconds(1)}),
            "2 s (warm-up)  30.0 requests/s, 4 in flight, 2 failed, 1 not sent");
}

}  // namespace
}  // namespace vitok
