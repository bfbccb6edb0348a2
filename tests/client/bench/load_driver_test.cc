// What every driver does, however its requests travel.
#include "client/bench/load_driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "client/bench/stream_driver.h"
#include "client/bench/unary_driver.h"
#include "tests/client/bench/load_driver_fixtures.h"

namespace vitok {
namespace {

using ::testing::HasSubstr;

enum class Way { kUnary, kStream };

class LoadDriverTest : public LoadDriverFixture, public ::testing::WithParamInterface<Way> {
 protected:
  // With a stream to each server, if there are streams.
  static std::unique_ptr<LoadDriver> MakeDriver(const LoadDriverOptions& options) {
    if (GetParam() == Way::kUnary) return std::make_unique<UnaryDriver>(options);
    return std::make_unique<StreamDriver>(options, static_cast<int>(options.servers.size()));
  }
};

INSTANTIATE_TEST_SUITE_P(Drivers, LoadDriverTest, ::testing::Values(Way::kUnary, Way::kStream),
                         [](const auto& test) { return test.param == Way::kUnary ? "Unary" : "Stream"; });

TEST_P(LoadDriverTest, SendsThePreparedBytesAndSummarizesTheReply) {
  v1::EncodeRequest seen;
  service_.on_encode = [&](const v1::EncodeRequest& request, v1::EncodeResponse& response) {
    seen = request;
    return Encode(request, response);
  };
  const auto driver = MakeDriver(Options());
  const RequestOutcome outcome = SendAndWait(*driver, MakeRequest("123", 2));
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

TEST_P(LoadDriverTest, CallsTheMethodAskedFor) {
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
    const auto driver = MakeDriver(options);
    EXPECT_TRUE(SendAndWait(*driver, empty).status.ok());
  }
  EXPECT_EQ(decodes, 1);
  EXPECT_EQ(reconstructs, 1);
}

TEST_P(LoadDriverTest, TakesTheErrorOfAnItemForTheRequest) {
  service_.on_encode = [](const v1::EncodeRequest& request, v1::EncodeResponse& response) {
    Succeed(request, response);
    response.mutable_results(1)->mutable_status()->set_code(grpc::StatusCode::INVALID_ARGUMENT);
    response.mutable_results(1)->mutable_status()->set_message("images[1] is no picture");
    return grpc::Status::OK;
  };
  const auto driver = MakeDriver(Options());
  const RequestOutcome outcome = SendAndWait(*driver, MakeRequest("12", 3));
  EXPECT_EQ(outcome.status, absl::InvalidArgumentError("images[1] is no picture"));
  EXPECT_EQ(outcome.reply.item_ok, std::vector<bool>({true, false, true}));
  EXPECT_EQ(outcome.reply.tokens, 4);
}

TEST_P(LoadDriverTest, DoesNotTakeAReplyWithTooFewResultsForASuccess) {
  service_.on_encode = [](const v1::EncodeRequest&, v1::EncodeResponse&) { return grpc::Status::OK; };
  const auto driver = MakeDriver(Options());
  const RequestOutcome outcome = SendAndWait(*driver, request_);
  EXPECT_TRUE(absl::IsInternal(outcome.status));
  EXPECT_THAT(std::string(outcome.status.message()), HasSubstr("0 results for 1 items"));
}

TEST_P(LoadDriverTest, DoesNotRetryByDefault) {
  service_.on_encode = [](const v1::EncodeRequest&, v1::EncodeResponse&) { return Refusal(absl::Milliseconds(1)); };
  const auto driver = MakeDriver(Options());
  const RequestOutcome outcome = SendAndWait(*driver, request_);
  EXPECT_TRUE(absl::IsResourceExhausted(outcome.status));
  EXPECT_FALSE(outcome.unreachable);
  EXPECT_EQ(outcome.retries, 0);
  EXPECT_EQ(service_.call_times().size(), 1);
}

TEST_P(LoadDriverTest, RetriesWhenTheServerAsksForItIfTold) {
  service_.on_encode = [this](const v1::EncodeRequest& request, v1::EncodeResponse& response) {
    if (service_.call_times().size() < 3) return Refusal(absl::Milliseconds(30));
    return Encode(request, response);
  };
  LoadDriverOptions options = Options();
  options.retry = true;
  const auto driver = MakeDriver(options);
  const RequestOutcome outcome = SendAndWait(*driver, request_);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.retries, 2);
  const std::vector<absl::Time> times = service_.call_times();
  ASSERT_EQ(times.size(), 3);
  EXPECT_GE(times[2] - times[0], absl::Milliseconds(60));
}

TEST_P(LoadDriverTest, DoesNotWaitForARetryPastTheDeadline) {
  service_.on_encode = [](const v1::EncodeRequest&, v1::EncodeResponse&) { return Refusal(absl::Minutes(61)); };
  LoadDriverOptions options = Options();
  options.deadline = absl::Hours(1);
  options.retry = true;
  const auto driver = MakeDriver(options);
  EXPECT_TRUE(absl::IsResourceExhausted(SendAndWait(*driver, request_).status));
}

TEST_P(LoadDriverTest, GoesToTheNextServerIfOneDrainsOrIsGone) {
  TempFolder folder;
  FakeService draining;
  FakeServer draining_server(&draining);
  draining.on_encode = [](const v1::EncodeRequest&, v1::EncodeResponse&) { return Draining(); };
  service_.on_encode = Encode;
  LoadDriverOptions options;
  options.servers = {"unix:" + (folder / "none"), draining_server.target(), server_.target()};
  {
    const auto driver = MakeDriver(options);
    EXPECT_TRUE(SendAndWait(*driver, request_).unreachable);
    EXPECT_TRUE(absl::IsUnavailable(SendAndWait(*driver, request_).status));
    EXPECT_TRUE(SendAndWait(*driver, request_).status.ok());
  }
  options.retry = true;
  const auto driver = MakeDriver(options);
  for (const int retries : {2, 1, 0, 2}) {
    const RequestOutcome outcome = SendAndWait(*driver, request_);
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(outcome.retries, retries);
  }
}

TEST_P(LoadDriverTest, GivesUpWhenNoServerAnswers) {
  TempFolder folder;
  const auto driver = MakeDriver({.servers = {"unix:" + (folder / "a"), "unix:" + (folder / "b")}, .retry = true});
  const RequestOutcome outcome = SendAndWait(*driver, request_);
  EXPECT_TRUE(outcome.unreachable);
  EXPECT_EQ(outcome.retries, 1);
}

}  // namespace
}  // namespace vitok
