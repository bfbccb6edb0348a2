#include "server/tracing/span_exporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "absl/synchronization/notification.h"
#include "tests/server/tracing/fake_collector.h"
#include "tests/server/tracing/span_sources.h"
#include "tests/support/eventually.h"
#include "tests/support/log_capture.h"

namespace vitok {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Counts {
  std::atomic<int64_t> exported{0};
  std::atomic<int64_t> dropped{0};

  SpanCounters Counters() {
    return {[this](int64_t spans) { exported += spans; }, [this](int64_t spans) { dropped += spans; }};
  }
};

// Without pauses, so that tests are fast, and with time enough for a loaded machine.
SpanExporter::Options Fast(const std::string& endpoint) {
  return {.endpoint = endpoint,
          .timeout = absl::Hours(1),
          .max_delay = absl::ZeroDuration(),
          .first_pause = absl::Microseconds(10),
          .flush = absl::Seconds(60)};
}

std::unique_ptr<SpanExporter> Start(SpanExporter::Options options, Counts& counts) {
  auto exporter = SpanExporter::Create(
      std::move(options), {.service_version = "1", .instance_id = "2", .host_name = "3"}, counts.Counters());
  EXPECT_TRUE(exporter.ok()) << exporter.status();
  return *std::move(exporter);
}

FakeCollector::Reply Unavailable(int) { return {.status = 503}; }

// Holds answers back until the test ends.
class HangingCollector {
 public:
  HangingCollector() {
    collector.SetReply([this](int) {
      go_.WaitForNotification();
      return FakeCollector::Reply();
    });
  }
  ~HangingCollector() {
    if (!go_.HasBeenNotified()) Go();
  }
  void Go() { go_.Notify(); }

 private:
  absl::Notification go_;  // before the collector, whose threads wait for it

 public:
  FakeCollector collector;
};

TEST(SpanExporterTest, SendsSpans) {
  Counts counts;
  FakeCollector collector;
  const auto exporter = Start(Fast(collector.endpoint()), counts);
  exporter->Export(Spans("a", 2));
  exporter->Export(Spans("b"));
  EXPECT_TRUE(Eventually([&counts] { return counts.exported == 3; }));
  EXPECT_EQ(counts.dropped, 0);
  const std::vector<nlohmann::json> spans = collector.spans();
  ASSERT_EQ(spans.size(), 3);
  EXPECT_EQ(spans[0].at("name"), "a");
  EXPECT_EQ(spans[2].at("name"), "b");
}

TEST(SpanExporterTest, ItsEndSendsWhatWaits) {
  Counts counts;
  FakeCollector collector;
  SpanExporter::Options options = Fast(collector.endpoint());
  options.max_delay = absl::Hours(1);
  auto exporter = Start(options, counts);
  exporter->Export(Spans("a"));
  exporter.reset();
  EXPECT_EQ(collector.spans().size(), 1);
  EXPECT_EQ(counts.exported, 1);
}

TEST(SpanExporterTest, SendsAgainWhatMayYetBeTaken) {
  Counts counts;
  FakeCollector collector;
  collector.SetReply([](int number) { return FakeCollector::Reply{.status = number < 2 ? 503 : 200}; });
  const auto exporter = Start(Fast(collector.endpoint()), counts);
  exporter->Export(Spans("a"));
  EXPECT_TRUE(Eventually([&counts] { return counts.exported == 1; }));
  EXPECT_EQ(counts.dropped, 0);
  const std::vector<nlohmann::json> bodies = collector.bodies();
  ASSERT_EQ(bodies.size(), 3);
  EXPECT_EQ(bodies[0], bodies[2]);
}

TEST(SpanExporterTest, GivesABatchUpAfterSomeAttempts) {
  Counts counts;
  FakeCollector collector;
  collector.SetReply(&Unavailable);
  const auto exporter = Start(Fast(collector.endpoint()), counts);
  exporter->Export(Spans("a", 4));
  EXPECT_TRUE(Eventually([&counts] { return counts.dropped == 4; }));
  EXPECT_EQ(counts.exported, 0);
  EXPECT_EQ(collector.requests(), SpanExporter::kMaxAttempts);
}

TEST(SpanExporterTest, DoesNotRepeatWhatTheCollectorRefused) {
  Counts counts;
  FakeCollector collector;
  collector.SetReply([](int) { return FakeCollector::Reply{.status = 400}; });
  const auto exporter = Start(Fast(collector.endpoint()), counts);
  exporter->Export(Spans("a", 4));
  EXPECT_TRUE(Eventually([&counts] { return counts.dropped == 4; }));
  EXPECT_EQ(collector.requests(), 1);
}

TEST(SpanExporterTest, CountsWhatTheCollectorRejected) {
  Counts counts;
  FakeCollector collector;
  collector.SetReply([](int number) {
    return FakeCollector::Reply{.body = number == 0 ? R"({"partialSuccess": {"rejectedSpans": "3"}})"
                                                    : R"({"partialSuccess": {"rejectedSpans": "99"}})"};
  });
  const auto exporter = Start(Fast(collector.endpoint()), counts);
  exporter->Export(Spans("a", 4));
  EXPECT_TRUE(Eventually([&counts] { return counts.exported == 1 && counts.dropped == 3; }));
  exporter->Export(Spans("b", 4));
  EXPECT_TRUE(Eventually([&counts] { return counts.exported == 1 && counts.dropped == 7; }));
}

TEST(SpanExporterTest, F25_AnAbsentCollectorOnlyCostsSpans) {
  Counts counts;
  const ClosedPort nobody;
  const auto exporter = Start(Fast(nobody.endpoint()), counts);
  for (int i = 0; i < 100; ++i) exporter->Export(Spans("a", 10));
  EXPECT_TRUE(Eventually([&counts] { return counts.dropped == 1000; }));
  EXPECT_EQ(counts.exported, 0);
}

TEST(SpanExporterTest, F25_NobodyWaitsForACollectorThatHangs) {
  Counts counts;
  HangingCollector hanging;
  SpanExporter::Options options = Fast(hanging.collector.endpoint());
  options.queue_spans = 100;
  const auto exporter = Start(options, counts);
  exporter->Export(Spans("a"));
  ASSERT_TRUE(Eventually([&hanging] { return hanging.collector.requests() == 1; }));
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&exporter] {
      for (int j = 0; j < 1000; ++j) exporter->Export(Spans("b"));
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(counts.dropped, 4000 - 100);
  EXPECT_EQ(counts.exported, 0);
  hanging.Go();
  EXPECT_TRUE(Eventually([&counts] { return counts.exported == 101; }));
  EXPECT_EQ(counts.dropped, 4000 - 100);
}

TEST(SpanExporterTest, F25_ItsEndDoesNotWaitForACollectorThatHangs) {
  Counts counts;
  HangingCollector hanging;
  SpanExporter::Options options = Fast(hanging.collector.endpoint());
  options.flush = absl::Milliseconds(10);
  auto exporter = Start(options, counts);
  exporter->Export(Spans("a"));
  ASSERT_TRUE(Eventually([&hanging] { return hanging.collector.requests() == 1; }));
  exporter->Export(Spans("b", 5));
  exporter.reset();
  EXPECT_EQ(counts.dropped, 6);
  EXPECT_EQ(counts.exported, 0);
}

TEST(SpanExporterTest, ItsEndDoesNotWaitForALongPause) {
  Counts counts;
  FakeCollector collector;
  collector.SetReply([](int number) { return FakeCollector::Reply{.status = number == 0 ? 503 : 200}; });
  SpanExporter::Options options = Fast(collector.endpoint());
  options.first_pause = absl::Hours(1);
  auto exporter = Start(options, counts);
  exporter->Export(Spans("a"));
  ASSERT_TRUE(Eventually([&collector] { return collector.requests() == 1; }));
  exporter.reset();
  EXPECT_EQ(counts.exported + counts.dropped, 1);
}

TEST(SpanExporterTest, LogsChangesOnly) {
  const LogCapture log;
  Counts counts;
  FakeCollector collector;
  collector.SetReply([](int number) { return FakeCollector::Reply{.status = number < 3 ? 400 : 200}; });
  const auto exporter = Start(Fast(collector.endpoint()), counts);
  for (int i = 1; i <= 5; ++i) {
    exporter->Export(Spans("a"));
    ASSERT_TRUE(Eventually([&counts, i] { return counts.exported + counts.dropped == i; }));
  }
  const std::string text = log.text();
  const size_t failure = text.find("does not take spans");
  ASSERT_NE(failure, std::string::npos) << text;
  EXPECT_THAT(text, HasSubstr("HTTP status 400"));
  EXPECT_THAT(text.substr(failure + 1), Not(HasSubstr("does not take spans")));
  EXPECT_THAT(text.substr(failure + 1), HasSubstr("takes spans again"));
}

TEST(SpanExporterTest, RefusesABadEndpoint) {
  Counts counts;
  EXPECT_EQ(SpanExporter::Create({.endpoint = "https://a:1"}, {}, counts.Counters()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace vitok
