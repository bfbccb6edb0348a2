#include "server/batching/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "server/status_details.h"

namespace vitok {
namespace {

using ::testing::HasSubstr;

TEST(AdmissionTest, F10_RefusesWhatDoesNotFitUntilAPermitIsGivenBack) {
  Admission admission({.max_items = 2, .max_tokens = 100});
  absl::StatusOr<Admission::Permit> first = admission.Admit({.items = 2, .tokens = 10});
  ASSERT_TRUE(first.ok());
  const absl::Status refused = admission.Admit({.items = 1, .tokens = 10}).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("2 items wait, 1 more would exceed the limit of 2"));
  EXPECT_EQ(ErrorReason(refused), kReasonQueueRequests);
  *first = Admission::Permit();
  EXPECT_TRUE(admission.Admit({.items = 1, .tokens = 10}).ok());
}

TEST(AdmissionTest, BoundsTokensAsWell) {
  Admission admission({.max_items = 10, .max_tokens = 100});
  const absl::StatusOr<Admission::Permit> first = admission.Admit({.items = 1, .tokens = 60});
  const absl::Status refused = admission.Admit({.items = 1, .tokens = 41}).status();
  EXPECT_EQ(ErrorReason(refused), kReasonQueueTokens);
  EXPECT_GT(RetryDelay(refused), absl::ZeroDuration());
  EXPECT_TRUE(admission.Admit({.items = 1, .tokens = 40}).ok());
}

TEST(AdmissionTest, BoundsBytesAsWell) {
  Admission admission({.max_items = 10, .max_tokens = 100, .max_bytes = 1000});
  const absl::StatusOr<Admission::Permit> first = admission.Admit({.items = 1, .tokens = 1, .bytes = 600});
  EXPECT_EQ(ErrorReason(admission.Admit({.items = 1, .tokens = 1, .bytes = 401}).status()), kReasonQueueBytes);
  EXPECT_TRUE(admission.Admit({.items = 1, .tokens = 1, .bytes = 400}).ok());
  EXPECT_EQ(admission.Admit({.items = 1, .tokens = 1, .bytes = 1001}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(AdmissionTest, TellsTheClientToSplitARequestThatCanNeverFit) {
  Admission admission({.max_items = 2, .max_tokens = 100});
  for (const absl::Status& status :
       {admission.Admit({.items = 3, .tokens = 1}).status(), admission.Admit({.items = 1, .tokens = 101}).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(RetryDelay(status), absl::ZeroDuration());
  }
}

TEST(AdmissionTest, F10_AsksForALongerWaitTheMoreMustBeWorkedOff) {
  Admission admission({.max_items = 10, .max_tokens = 1000});
  admission.RecordBatch(/*tokens=*/1000, absl::Seconds(1));
  const absl::StatusOr<Admission::Permit> all = admission.Admit({.items = 1, .tokens = 1000});
  EXPECT_EQ(RetryDelay(admission.Admit({.items = 1, .tokens = 500}).status()), absl::Milliseconds(500));
  EXPECT_EQ(RetryDelay(admission.Admit({.items = 1, .tokens = 1000}).status()), absl::Seconds(1));
  EXPECT_EQ(RetryDelay(admission.Admit({.items = 1, .tokens = 1}).status()), absl::Milliseconds(10));
}

TEST(AdmissionTest, AMovedPermitGivesItsShareBackOnce) {
  Admission admission({.max_items = 1, .max_tokens = 10});
  Admission::Permit moved;
  {
    absl::StatusOr<Admission::Permit> permit = admission.Admit({.items = 1, .tokens = 10});
    ASSERT_TRUE(permit.ok());
    moved = *std::move(permit);
  }
  EXPECT_FALSE(admission.Admit({.items = 1, .tokens = 1}).ok());
  moved = Admission::Permit();
  EXPECT_TRUE(admission.Admit({.items = 1, .tokens = 10}).ok());
}

TEST(AdmissionTest, F10_NeverExceedsItsBoundsUnderConcurrentUse) {
  constexpr int64_t kMaxItems = 4;
  Admission admission({.max_items = kMaxItems, .max_tokens = 1000});
  std::atomic<int64_t> inside{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        const absl::StatusOr<Admission::Permit> permit = admission.Admit({.items = 2, .tokens = 1});
        if (!permit.ok()) continue;
        EXPECT_LE(inside.fetch_add(2) + 2, kMaxItems);
        inside.fetch_sub(2);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(admission.Admit({.items = kMaxItems, .tokens = 1000}).ok());
}

}  // namespace
}  // namespace vitok
