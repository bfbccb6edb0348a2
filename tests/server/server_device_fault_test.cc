// Bad devices and deadlines, by a fake device.
#include <gmock/gmock.h>

#include <new>
#include <thread>

#include "absl/synchronization/notification.h"
#include "tests/server/server_fixture.h"

namespace vitok {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class DeviceFaultTest : public ServerTest {
 protected:
  DeviceFaultTest() {
    on_failure_ = [this](const absl::Status& status) {
      failure_ = status;
      failed_.Notify();
    };
  }

  void ExpectDeviceFault(const grpc::Status& status) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
    EXPECT_TRUE(HasDetail<google::rpc::ErrorInfo>(status));
    EXPECT_THAT(status.error_message(), HasSubstr("the device failed"));
  }

  absl::Status failure_;
  absl::Notification failed_;
};

TEST_F(DeviceFaultTest, F14_MemoryThatRunsOutSplitsTheBatch) {
  control_->hook = [](const std::vector<int64_t>& tokens) -> absl::Status {
    if (tokens.size() > 2) throw std::bad_alloc();
    return absl::OkStatus();
  };
  StartServer();
  v1::EncodeResponse response;
  ASSERT_TRUE(Encode(EncodeOf(Raw(Image(2, 2)), Raw(Image(2, 4)), Raw(Image(2, 6)), Raw(Image(2, 8))), &response).ok());
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(response.results(i).status().code(), grpc::StatusCode::OK);
    EXPECT_EQ(response.results(i).tokens(), i + 1);
  }
  EXPECT_THAT(control_->batches(), ElementsAre(ElementsAre(1, 2, 3, 4), ElementsAre(1, 2), ElementsAre(3, 4)));
  ExpectGoodService();
}

TEST_F(DeviceFaultTest, F14_AnImageThatDoesNotFitAloneIsRefusedWithAHintToRetry) {
  control_->hook = [](const std::vector<int64_t>& tokens) -> absl::Status {
    for (const int64_t count : tokens) {
      if (count > 10) throw std::bad_alloc();
    }
    return absl::OkStatus();
  };
  StartServer();
  v1::EncodeResponse response;
  ASSERT_TRUE(Encode(EncodeOf(Raw(Image(2, 4)), Raw(Image(8, 8))), &response).ok());
  EXPECT_EQ(response.results(0).status().code(), grpc::StatusCode::OK);
  EXPECT_EQ(response.results(1).status().code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  const grpc::Status alone = Encode(EncodeOf(Raw(Image(8, 8))));
  EXPECT_EQ(alone.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(HasDetail<google::rpc::RetryInfo>(alone));
  EXPECT_THAT(alone.error_message(), HasSubstr("memory ran out"));
  ExpectGoodService();
}

TEST_F(DeviceFaultTest, F15_ADeviceThatFailsEndsTheService) {
  absl::Notification running, fail;
  control_->hook = [&](const std::vector<int64_t>&) -> absl::Status {
    running.Notify();
    fail.WaitForNotification();
    throw c10::AcceleratorError({}, 700, "an illegal memory access was encountered");
  };
  StartServer();
  grpc::Status in_flight, queued;
  std::thread first([&] { in_flight = Encode(EncodeOf(Raw(Image(2, 2)))); });
  running.WaitForNotification();
  std::thread second([&] { queued = Encode(EncodeOf(Raw(Image(2, 2)))); });
  while (Metric("vitok_queued_requests{device=\"cpu\"}") != 2) {
  }
  fail.Notify();
  first.join();
  second.join();
  failed_.WaitForNotification();
  ExpectDeviceFault(in_flight);
  ExpectDeviceFault(queued);
  ExpectDeviceFault(Encode(EncodeOf(Raw(Image(2, 2)))));
  EXPECT_THAT(std::string(failure_.message()), HasSubstr("illegal memory access"));
  EXPECT_EQ(Health(""), kNotServing);
  EXPECT_EQ(Health("vitok.v1.Tokenizer"), kNotServing);
}

TEST_F(DeviceFaultTest, F16_ABatchThatHangsIsAnsweredAndEndsTheService) {
  options_.batching.hang_timeout = absl::Milliseconds(50);
  // Shared with the worker's thread, which goes on after this test has ended.
  const auto release = std::make_shared<absl::Notification>();
  control_->hook = [release](const std::vector<int64_t>&) {
    release->WaitForNotification();
    return absl::OkStatus();
  };
  StartServer();
  const grpc::Status hung = Encode(EncodeOf(Raw(Image(2, 2))));
  EXPECT_EQ(hung.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_THAT(hung.error_message(), AllOf(HasSubstr("model 'fake'"), HasSubstr("50ms")));
  failed_.WaitForNotification();
  EXPECT_THAT(std::string(failure_.message()), HasSubstr("runs longer than 50ms"));
  ExpectDeviceFault(Encode(EncodeOf(Raw(Image(2, 2)))));
  EXPECT_EQ(Health(""), kNotServing);
  release->Notify();  // so that the worker's thread ends
}

TEST_F(DeviceFaultTest, F11_ADeadlineThatWouldBeMissedIsRefusedAtOnce) {
  options_.batching.warm_up = absl::Milliseconds(1);
  control_->hook = [](const std::vector<int64_t>&) {  // 20 ms a batch
    const absl::Time end = absl::Now() + absl::Milliseconds(20);
    while (absl::Now() < end) {
    }
    return absl::OkStatus();
  };
  StartServer();
  const size_t warm_up_batches = control_->batches().size();
  do {  // on a busy machine the deadline may pass before the server has seen the call
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(15));
    v1::EncodeResponse response;
    EXPECT_EQ(stub_->Encode(&context, EncodeOf(Raw(Image(2, 2))), &response).error_code(),
              grpc::StatusCode::DEADLINE_EXCEEDED);
  } while (Metric("vitok_rejected_total{reason=\"deadline_predicted\"}") == 0);
  EXPECT_EQ(control_->batches().size(), warm_up_batches) << "no work on the device";
  ExpectGoodService();
}

}  // namespace
}  // namespace vitok
