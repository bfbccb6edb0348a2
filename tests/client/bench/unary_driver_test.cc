#include "client/bench/unary_driver.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <utility>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "tests/client/bench/load_driver_fixtures.h"

namespace vitok {
namespace {

class UnaryDriverTest : public LoadDriverFixture {};

TEST_F(UnaryDriverTest, SharesRequestsOutOverServersAndConnections) {
  FakeService others;
  FakeServer other(&others);
  for (FakeService* service : {&service_, &others}) {
    service->on_encode = Encode;
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

TEST_F(UnaryDriverTest, HasManyRequestsUnderWayWithoutThreadsOfTheirOwn) {
  // The service answers none before all have arrived.
  constexpr int kRequests = 20;
  std::atomic<int> missing = kRequests;
  absl::Notification all_arrived;
  service_.on_encode = [&](const v1::EncodeRequest& request, v1::EncodeResponse& response) {
    if (--missing == 0) all_arrived.Notify();
    all_arrived.WaitForNotification();
    return Encode(request, response);
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
    if (request.images(0).encoded() == "refused") return Refusal(absl::Minutes(30));
    release->WaitForNotification();
    return grpc::Status::OK;
  };
  LoadDriverOptions options = Options();
  options.deadline = absl::Hours(1);
  options.retry = true;
  UnaryDriver driver(options);
  const PreparedRequest refused = MakeRequest("refused");
  absl::BlockingCounter done(2);
  for (const PreparedRequest* request : {&request_, &refused}) {
    driver.Send(*request, [&done](const RequestOutcome& outcome) {
      EXPECT_FALSE(outcome.status.ok());
      done.DecrementCount();
    });
  }
  arrived.Wait();
  driver.CancelAll();
  done.Wait();
  release->Notify();
}

}  // namespace
}  // namespace vitok
