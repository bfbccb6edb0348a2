// Ten times the work that the queue holds, over and over.
#include <gmock/gmock.h>

#include <array>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "tests/server/server_fixture.h"
#include "tests/support/eventually.h"
#include "tests/support/process_size.h"

namespace vitok {
namespace {

class OverloadTest : public ServerTest {
 protected:
  static constexpr int kQueued = 8;
  static constexpr int kOffered = 10 * kQueued;

  OverloadTest() {
    options_.limits.max_images_per_request = 1;
    options_.batching.max_queued_requests = kQueued;
    control_->hook = [this](const std::vector<int64_t>&) {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&is_running_));
      return absl::OkStatus();
    };
  }

  struct Call {
    grpc::ClientContext context;
    v1::EncodeResponse response;
    grpc::Status status;
    bool has_ended = false;
  };

  // The device stands still until all that the queue does not hold has been refused.
  void OfferTenTimesTheQueue(const v1::EncodeRequest& request) {
    SetRunning(false);
    std::array<Call, kOffered> calls;
    int ended = 0;
    for (Call& call : calls) {
      stub_->async()->Encode(&call.context, &request, &call.response,
                             [this, &call, &ended](const grpc::Status& status) {
                               absl::MutexLock lock(&mutex_);
                               call.status = status;
                               call.has_ended = true;
                               ++ended;
                             });
    }
    WaitFor(ended, kOffered - kQueued);
    for (Call& call : calls) {
      absl::MutexLock lock(&mutex_);
      if (!call.has_ended) continue;
      EXPECT_EQ(call.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << call.status.error_message();
      EXPECT_TRUE(HasDetail<google::rpc::RetryInfo>(call.status));
      EXPECT_EQ(call.context.GetServerTrailingMetadata().count("grpc-retry-pushback-ms"), 1);
    }
    EXPECT_EQ(Metric("vitok_queued_requests{device=\"cpu\"}"), kQueued);
    SetRunning(true);
    WaitFor(ended, kOffered);
    int succeeded = 0;
    for (const Call& call : calls) succeeded += call.status.ok() ? 1 : 0;
    EXPECT_EQ(succeeded, kQueued) << "all that was admitted";
    for (const char* gauge : {"vitok_queued_requests", "vitok_queued_tokens"}) {
      EXPECT_TRUE(Eventually([&] { return Metric(StrCat(gauge, "{device=\"cpu\"}")) == 0; })) << gauge;
    }
  }

 private:
  void SetRunning(bool running) {
    absl::MutexLock lock(&mutex_);
    is_running_ = running;
  }

  void WaitFor(const int& ended, int count) {
    const auto enough = [&] { return ended >= count; };
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&enough));
  }

  absl::Mutex mutex_;
  bool is_running_ ABSL_GUARDED_BY(mutex_) = true;
};

TEST_F(OverloadTest, F10_RefusesWhatIsTooMuchAndAnswersAllThatItAdmits) {
  StartServer();
  const v1::EncodeRequest request = EncodeOf(Raw(Image(128, 128)));  // 48 KiB each, 69 MiB in all
  int64_t settled_bytes = 0;
  for (int round = 0; round < 20; ++round) {
    OfferTenTimesTheQueue(request);
    if (round == 4) settled_bytes = ResidentBytes();
  }
  if (kMemoryIsMeasurable) {
    EXPECT_LT(ResidentBytes() - settled_bytes, int64_t{24} << 20);
  }
  ExpectGoodService();
}

}  // namespace
}  // namespace vitok
