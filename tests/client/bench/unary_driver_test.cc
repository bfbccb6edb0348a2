#include "client/bench/unary_driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <utility>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "tests/client/bench/load_driver_fixtures.h"

namespace vitok {
namespace {

using ::testing::HasSubstr;

class UnaryDriverTest : public ::testing::Test {
 protected:
  LoadDriverOptions Options() const { return {.servers = {server_.target()}}; }

  const PreparedRequest request_ = MakeRequest("12345");
  FakeService service_;
  FakeServer server_{&service_};
};

TEST_F(UnaryDriverTest, SendsThePreparedBytesAndSummarizesTheReply) {
  v1::EncodeRequest seen;
  service_.on_encode = [&](const v1::EncodeRequest& request, v1::EncodeResponse& response) {
    seen = request;
    Succeed(request, response);
    return grpc::Status::OK;
  };
  UnaryDriver driver(Options());
  const RequestOutcome outcome = SendAndWait(driver, MakeRequest("123", 2));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(seen.images_size(), 2);
  EXPECT_EQ(seen.images(1).encoded(), "123");
  EXPECT_EQ(outcome.reply.tokens, 6);
  EXPECT_EQ(outcome.reply.item_ok, std::vector<bool>({true, true}));
  EXPECT_EQ(outcome.reply.timings.compute, absl::Microseconds(1500));
  EXPECT_GT(outcome.reply_bytes, 0);
  EXPECT_GT(outcome.round_trip, absl::ZeroDuration());
  EXPECT_EQ(outcome.retries, 0);
}

TEST_F(UnaryDriverTest, CallsTheMethodAskedFor) {
  int decodes = 0, reconstructs = 0;
  service_.on_decode = [&](const v1::DecodeRequest&, v1::DecodeResponse& response) {
    ++decodes;
    response.add_results();
    return grpc::Status::OK;
  };
  service_.on_reconstruct = [&](const v1::ReconstructRequest&, v1::ReconstructResponse& response) {
    ++reconstructs;
    response.add_results();
    return grpc::Status::OK;
  };
  PreparedRequest empty = MakeRequest("", 0);  // a message of every method
  empty.item_pixels = {1};
  for (BenchMethod method : {BenchMethod::kDecode, BenchMethod::kReconstruct}) {
    LoadDriverOptions options = Options();
    options.method = method;
    UnaryDriver driver(options);
    EXPECT_TRUE(SendAndWait(driver, empty).status.ok());
  }
  EXPECT_EQ(decodes, 1);
  EXPECT_EQ(reconstructs, 1);
}

TEST_F(UnaryDriverTest, TakesTheErrorOfAnItemForTheRequest) {
  service_.on_encode = [](const v1::EncodeRequest& request, v1::EncodeResponse& response) {
    Succeed(request, response);
    response.mutable_results(1)->mutable_status()->set_code(grpc::StatusCode::INVALID_ARGUMENT);
    response.mutable_results(1)->mutable_status()->set_message("images[1] is no picture");
    return grpc::Status::OK;
  };
  UnaryDriver driver(Options());
  const RequestOutcome outcome = SendAndWait(driver, MakeRequest("12", 3));
  EXPECT_EQ(outcome.status, absl::InvalidArgumentError("images[1] is no picture"));
  EXPECT_EQ(outcome.reply.item_ok, std::vector<bool>({true, false, true}));
  EXPECT_EQ(outcome.reply.tokens, 4);
}

TEST_F(UnaryDriverTest, DoesNotTakeAReplyWithTooFewResultsForASuccess) {
  service_.on_encode = [](const v1::EncodeRequest&, v1::EncodeResponse&) { return grpc::Status::OK; };
  UnaryDriver driver(Options());
  const RequestOutcome outcome = SendAndWait(driver, request_);
  EXPECT_TRUE(absl::IsInternal(outcome.status));
  EXPECT_THAT(std::string(outcome.status.message()), HasSubstr("0 results for 1 items"));
}

TEST_F(UnaryDriverTest, DoesNotRetryByDefault) {
  service_.on_encode = [](const v1::EncodeRequest&, v1::EncodeResponse&) { return Refusal(absl::Milliseconds(1)); };
  UnaryDriver driver(Options());
  const RequestOutcome outcome = SendAndWait(driver, request_);
  EXPECT_TRUE(absl::IsResourceExhausted(outcome.status));
  EXPECT_FALSE(outcome.unreachable);
  EXPECT_EQ(outcome.retries, 0);
  EXPECT_EQ(service_.call_times().size(), 1);
}

TEST_F(UnaryDriverTest, RetriesWhenTheServerAsksForItIfTold) {
  service_.on_encode = [this](const v1::EncodeRequest& request, v1::EncodeResponse& response) {
    if (service_.call_times().size() < 3) return Refusal(absl::Milliseconds(30));
    Succeed(request, response);
    return grpc::Status::OK;
  };
  LoadDriverOptions options = Options();
  options.retry = true;
  UnaryDriver driver(options);
  const RequestOutcome outcome = SendAndWait(driver, request_);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.retries, 2);
  const std::vector<absl::Time> times = service_.call_times();
  ASSERT_EQ(times.size(), 3);
  EXPECT_GE(times[2] - times[0], absl::Milliseconds(60));
}

TEST_F(UnaryDriverTest, DoesNotWaitForARetryPastTheDeadline) {
  service_.on_encode = [](const v1::EncodeRequest&, v1::EncodeResponse&) { return Refusal(absl::Seconds(61)); };
  LoadDriverOptions options = Options();
  options.retry = true;
  UnaryDriver driver(options);
  EXPECT_TRUE(absl::IsResourceExhausted(SendAndWait(driver, request_).status));
}

TEST_F(UnaryDriverTest, SharesRequestsOutOverServersAndConnections) {
  FakeService others;
  FakeServer other(&others);
  for (FakeService* service : {&service_, &others}) {
    service->on_encode = [](const v1::EncodeRequest& request, v1::EncodeResponse& response) {
      Succeed(request, response);
      return grpc::Status::OK;
    };
  }
  LoadDriverOptions options = Options();
  options.servers.push_back(other.target());
  options.connections = 2;
  options.threads = 2;
  UnaryDriver driver(options);
  driver.Connect(absl::Seconds(60));
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(SendAndWait(driver, request_).status.ok());
  EXPECT_EQ(service_.call_times().size(), 4);
  EXPECT_EQ(others.call_times().size(), 4);
}

TEST_F(UnaryDriverTest, GoesToTheNextServerIfOneDrainsOrIsGone) {
  TempFolder folder;
  FakeService draining;
  FakeServer draining_server(&draining);
  draining.on_encode = [](const v1::EncodeRequest&, v1::EncodeResponse&) { return Draining(); };
  service_.on_encode = [](const v1::EncodeRequest& request, v1::EncodeResponse& response) {
    Succeed(request, response);
    return grpc::Status::OK;
  };
  LoadDriverOptions options;
  options.servers = {"unix:" + (folder / "none"), draining_server.target(), server_.target()};
  {
    UnaryDriver driver(options);
    EXPECT_TRUE(SendAndWait(driver, request_).unreachable);
    EXPECT_TRUE(absl::IsUnavailable(SendAndWait(driver, request_).status));
    EXPECT_TRUE(SendAndWait(driver, request_).status.ok());
  }
  options.retry = true;
  UnaryDriver driver(options);
  EXPECT_EQ(SendAndWait(driver, request_).retries, 2);
  EXPECT_EQ(SendAndWait(driver, request_).retries, 1);
  EXPECT_EQ(SendAndWait(driver, request_).retries, 0);
}

TEST_F(UnaryDriverTest, GivesUpWhenNoServerAnswers) {
  TempFolder folder;
  UnaryDriver driver({.servers = {"unix:" + (folder / "a"), "unix:" + (folder / "b")}, .retry = true});
  const RequestOutcome outcome = SendAndWait(driver, request_);
  EXPECT_TRUE(outcome.unreachable);
  EXPECT_EQ(outcome.retries, 1);
}

TEST_F(UnaryDriverTest, HasManyRequestsUnderWayWithoutThreadsOfTheirOwn) {
  // The service answers none before all have arrived.
  constexpr int kRequests = 20;
  std::atomic<int> missing = kRequests;
  absl::Notification all_arrived;
  service_.on_encode = [&](const v1::EncodeRequest& request, v1::EncodeResponse& response) {
    if (--missing == 0) all_arrived.Notify();
    all_arrived.WaitForNotification();
    Succeed(request, response);
    return grpc::Status::OK;
  };
  UnaryDriver driver(Options());
  absl::BlockingCounter done(kRequests);
  for (int i = 0; i < kRequests; ++i) {
    driver.Send(request_, [&done](const RequestOutcome& outcome) {
      EXPECT_TRUE(outcome.status.ok()) << outcome.status;
      done.DecrementCount();
    });
  }
  done.Wait();
}

TEST_F(UnaryDriverTest, FailsRequestsThatPassTheirDeadline) {
  // Shared with the handler, which may run after the call has failed.
  const auto release = std::make_shared<absl::Notification>();
  service_.on_encode = [release](const v1::EncodeRequest&, v1::EncodeResponse&) {
    release->WaitForNotification();
    return grpc::Status::OK;
  };
  LoadDriverOptions options = Options();
  options.deadline = absl::Milliseconds(30);
  UnaryDriver driver(options);
  EXPECT_TRUE(absl::IsDeadlineExceeded(SendAndWait(driver, request_).status));
  release->Notify();
}

TEST_F(UnaryDriverTest, CancelsRequestsThatWaitForTheServerOrForTheirRetry) {
  const auto release = std::make_shared<absl::Notification>();
  absl::BlockingCounter arrived(2);
  service_.on_encode = [release, &arrived](const v1::EncodeRequest& request, v1::EncodeResponse&) {
    arrived.DecrementCount();
    if (request.images(0).encoded() == "refused") return Refusal(absl::Seconds(30));
    release->WaitForNotification();
    return grpc::Status::OK;
  };
  LoadDriverOptions options = Options();
  options.retry = true;
  UnaryDriver driver(options);
  const PreparedRequest refused = MakeRequest("refused");
  absl::BlockingCounter done(2);
  const absl::Time start = absl::Now();
  for (const PreparedRequest* request : {&request_, &refused}) {
    driver.Send(*request, [&done](const RequestOutcome& outcome) {
      EXPECT_FALSE(outcome.status.ok());
      done.DecrementCount();
    });
  }
  arrived.Wait();
  driver.CancelAll();
  done.Wait();
  EXPECT_LT(absl::Now() - start, absl::Seconds(30));
  release->Notify();
}

}  // namespace
}  // namespace vitok
