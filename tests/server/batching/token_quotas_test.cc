#include "server/batching/token_quotas.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/status_details.h"

namespace vitok {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class TokenQuotasTest : public ::testing::Test {
 protected:
  absl::Time now_ = absl::FromUnixSeconds(1000);
  TokenQuotas quotas_{{.quotas = {{"a", {.tokens_per_second = 100, .burst_tokens = 1000}}},
                       .other = TokenQuotas::Quota{.tokens_per_second = 10, .burst_tokens = 50},
                       .now = [this] { return now_; }}};
};

TEST_F(TokenQuotasTest, TakesTheBurstAndThenTheRate) {
  EXPECT_TRUE(quotas_.Take("a", 600).ok());
  EXPECT_TRUE(quotas_.Take("a", 400).ok());
  const absl::Status refused = quotas_.Take("a", 50);
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrorReason(refused), kReasonQuota);
  EXPECT_EQ(RetryDelay(refused), absl::Milliseconds(500));
  EXPECT_THAT(std::string(refused.message()), AllOf(HasSubstr("'a' asks for 50 tokens"), HasSubstr("100 tokens/s")));
  now_ += absl::Milliseconds(500);
  EXPECT_TRUE(quotas_.Take("a", 50).ok());
  EXPECT_FALSE(quotas_.Take("a", 1).ok());
}

TEST_F(TokenQuotasTest, IdentitiesDoNotShareTheirBuckets) {
  EXPECT_TRUE(quotas_.Take("b", 50).ok());
  EXPECT_FALSE(quotas_.Take("b", 1).ok());
  EXPECT_TRUE(quotas_.Take("c", 50).ok());
  EXPECT_TRUE(quotas_.Take("a", 1000).ok());
}

TEST_F(TokenQuotasTest, NeverHoldsMoreThanTheBurst) {
  now_ += absl::Hours(1);
  EXPECT_TRUE(quotas_.Take("b", 50).ok());
  EXPECT_FALSE(quotas_.Take("b", 1).ok());
}

TEST_F(TokenQuotasTest, TakesARequestAboveTheBurstFromAFullBucketAndHasItPaidOff) {
  EXPECT_TRUE(quotas_.Take("b", 150).ok());
  now_ += absl::Seconds(10);  // paid off
  EXPECT_FALSE(quotas_.Take("b", 1).ok());
  now_ += absl::Seconds(1);
  EXPECT_TRUE(quotas_.Take("b", 10).ok());
}

TEST_F(TokenQuotasTest, F25_AClockThatStepsBackTakesNothingAway) {
  EXPECT_TRUE(quotas_.Take("b", 40).ok());
  now_ -= absl::Hours(1);
  EXPECT_TRUE(quotas_.Take("b", 10).ok());
  now_ += absl::Seconds(1);
  EXPECT_TRUE(quotas_.Take("b", 10).ok());
}

TEST(TokenQuotasWithoutDefaultTest, LetsOthersTakeWhatTheyLike) {
  TokenQuotas quotas({.quotas = {{"a", {.tokens_per_second = 1, .burst_tokens = 1}}}});
  EXPECT_TRUE(quotas.Take("b", 1'000'000'000).ok());
}

}  // namespace
}  // namespace vitok
