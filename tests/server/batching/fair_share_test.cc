#include "server/batching/fair_share.h"

#include <gtest/gtest.h>

namespace vitok {
namespace {

constexpr absl::Duration kSecond = absl::Seconds(1);

TEST(FairShareTest, TheModelThatWasGivenLessGoesFirst) {
  FairShare shares;
  shares.Activate(1);
  shares.Activate(2);
  shares.Charge(1, kSecond);
  EXPECT_LT(shares.Given(2), shares.Given(1));
  shares.Charge(2, 3 * kSecond);
  EXPECT_LT(shares.Given(1), shares.Given(2));
}

TEST(FairShareTest, AModelThatComesBackDoesNotCatchUp) {
  FairShare shares;
  shares.Activate(1);
  for (int i = 0; i < 100; ++i) shares.Charge(1, kSecond);
  shares.Activate(2);
  EXPECT_EQ(shares.Given(2), shares.Given(1));
}

TEST(FairShareTest, ShortPausesDoNotForgiveWhatWasGiven) {
  FairShare shares;
  shares.Activate(1);
  shares.Activate(2);
  shares.Charge(1, 5 * kSecond);
  shares.Deactivate(1);
  shares.Activate(1);
  EXPECT_EQ(shares.Given(1) - shares.Given(2), 5 * kSecond);
}

TEST(FairShareTest, CorrectsPredictionsThatWereWrong) {
  FairShare shares;
  shares.Activate(1);
  shares.Charge(1, kSecond);
  shares.Correct(1, -kSecond / 2);
  EXPECT_EQ(shares.Given(1), kSecond / 2);
}

TEST(FairShareTest, StartsANewModelAtTheLevelOfTheOthers) {
  FairShare shares;
  shares.Activate(1);
  shares.Charge(1, kSecond);
  shares.Deactivate(1);
  shares.Forget(1);
  shares.Activate(1);
  EXPECT_EQ(shares.Given(1), absl::ZeroDuration());
  shares.Charge(1, kSecond);
  shares.Charge(1, kSecond);
  shares.Deactivate(1);
  shares.Activate(3);  // nobody waits: level with the last one served
  EXPECT_EQ(shares.Given(3), kSecond);
}

}  // namespace
}  // namespace vitok
