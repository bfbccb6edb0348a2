#include "server/tracing/otlp_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/synchronization/notification.h"
#include "tests/server/tracing/fake_collector.h"
#include "tests/support/eventually.h"

namespace vitok {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kLong = absl::Seconds(60);

OtlpOutcome Post(const std::string& endpoint, absl::Duration timeout = kLong) {
  return OtlpClient(*ParseCollector(endpoint)).Post("{}", timeout);
}

TEST(ParseCollectorTest, TakesHostAndPort) {
  for (const auto& [endpoint, host, port] : {std::tuple<const char*, const char*, int>("http://a:4318", "a", 4318),
                                             {"http://127.0.0.1:1/", "127.0.0.1", 1},
                                             {"http://[::1]:4318", "::1", 4318}}) {
    const absl::StatusOr<ListenAddress> address = ParseCollector(endpoint);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->host, host);
    EXPECT_EQ(address->port, port);
  }
}

TEST(ParseCollectorTest, NamesWhatItDoesNotTake) {
  for (const char* endpoint : {"https://a:4318", "a:4318", "http://a", "http://a:0", "http://a:70000", "http://",
                               "http://a:4318/v1/traces", "http://unix:/a", ""}) {
    const absl::Status status = ParseCollector(endpoint).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << endpoint;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string("was '") + endpoint + "'"));
  }
}

TEST(OtlpClientTest, PostsJsonOverAndOver) {
  FakeCollector collector;
  OtlpClient client(*ParseCollector(collector.endpoint()));
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(client.Post(R"({"a": [1]})", kLong).kind, OtlpOutcome::Kind::kTaken);
    EXPECT_EQ(collector.requests(), i);
  }
  EXPECT_EQ(collector.bodies().back().dump(), R"({"a":[1]})");
  EXPECT_EQ(collector.content_type(), "application/json");
}

TEST(OtlpClientTest, TellsWhatMayYetBeTakenFromWhatMayNot) {
  for (const auto& [status, kind] : {std::pair(200, OtlpOutcome::Kind::kTaken),
                                     {202, OtlpOutcome::Kind::kTaken},
                                     {301, OtlpOutcome::Kind::kRefused},
                                     {400, OtlpOutcome::Kind::kRefused},
                                     {404, OtlpOutcome::Kind::kRefused},
                                     {429, OtlpOutcome::Kind::kRetry},
                                     {500, OtlpOutcome::Kind::kRefused},
                                     {502, OtlpOutcome::Kind::kRetry},
                                     {503, OtlpOutcome::Kind::kRetry},
                                     {504, OtlpOutcome::Kind::kRetry}}) {
    FakeCollector collector;
    collector.SetReply([status = status](int) { return FakeCollector::Reply{.status = status}; });
    const OtlpOutcome outcome = Post(collector.endpoint());
    EXPECT_EQ(outcome.kind, kind) << status;
    if (kind != OtlpOutcome::Kind::kTaken) {
      EXPECT_THAT(outcome.problem, HasSubstr(std::to_string(status)));
    }
  }
}

TEST(OtlpClientTest, ReadsWhatTheCollectorAsksFor) {
  FakeCollector collector;
  collector.SetReply([](int number) -> FakeCollector::Reply {
    if (number == 0) return {.body = R"({"partialSuccess": {"rejectedSpans": "7"}})"};
    if (number == 1) return {.status = 429, .headers = {{"Retry-After", "12"}}};
    return {.status = 429, .headers = {{"Retry-After", "100000"}}};
  });
  EXPECT_EQ(Post(collector.endpoint()).rejected_spans, 7);
  EXPECT_EQ(Post(collector.endpoint()).retry_after, absl::Seconds(12));
  EXPECT_EQ(Post(collector.endpoint()).retry_after, absl::Seconds(60));
}

TEST(OtlpClientTest, AnAbsentCollectorMayComeBack) {
  const ClosedPort nobody;
  const OtlpOutcome outcome = Post(nobody.endpoint());
  EXPECT_EQ(outcome.kind, OtlpOutcome::Kind::kRetry);
  EXPECT_FALSE(outcome.problem.empty());
}

TEST(OtlpClientTest, GivesUpOnACollectorThatHangs) {
  absl::Notification end;
  FakeCollector collector;
  collector.SetReply([&end](int) {
    end.WaitForNotification();
    return FakeCollector::Reply();
  });
  EXPECT_EQ(Post(collector.endpoint(), absl::Milliseconds(20)).kind, OtlpOutcome::Kind::kRetry);
  end.Notify();
}

TEST(OtlpClientTest, StopBreaksARunningPostOff) {
  absl::Notification end;
  FakeCollector collector;
  collector.SetReply([&end](int) {
    end.WaitForNotification();
    return FakeCollector::Reply();
  });
  OtlpClient client(*ParseCollector(collector.endpoint()));
  std::thread sender([&client] { EXPECT_EQ(client.Post("{}", absl::Hours(1)).kind, OtlpOutcome::Kind::kRetry); });
  EXPECT_TRUE(Eventually([&collector] { return collector.requests() == 1; }));
  client.Stop();
  sender.join();
  end.Notify();
}

}  // namespace
}  // namespace vitok
