#include "core/metrics/image_quality.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace vitok {
namespace {

using ::testing::HasSubstr;

TEST(PsnrU8Test, EqualsTheFormulaOnKnownErrors) {
  const std::vector<uint8_t> reference = {0, 10, 20, 255};
  const std::vector<uint8_t> picture = {1, 10, 17, 250};  // squared errors 1, 0, 9, 25
  const absl::StatusOr<double> psnr_db = PsnrU8(reference, picture);
  ASSERT_TRUE(psnr_db.ok());
  EXPECT_NEAR(*psnr_db, 10.0 * std::log10(65025.0 / (35.0 / 4.0)), 1e-12);
  EXPECT_DOUBLE_EQ(*PsnrU8(picture, reference), *psnr_db);
}

TEST(PsnrU8Test, IsZeroForBlackAgainstWhite) {
  EXPECT_NEAR(*PsnrU8(std::vector<uint8_t>(300, 0), std::vector<uint8_t>(300, 255)), 0.0, 1e-12);
}

TEST(PsnrU8Test, SumsLargePicturesExactly) {
  // The sum of squared errors passes 2^32, where 32-bit sums wrap and float sums lose the last value.
  std::vector<uint8_t> reference(100'000, 0);
  std::vector<uint8_t> picture(100'000, 255);
  picture.back() = 254;
  const double squared_error = 99'999.0 * 65025.0 + 64516.0;
  EXPECT_NEAR(*PsnrU8(reference, picture), 10.0 * std::log10(65025.0 / (squared_error / 1e5)), 1e-13);
}

TEST(PsnrU8Test, IsInfiniteForIdenticalPictures) {
  const std::vector<uint8_t> picture = {1, 2, 3};
  EXPECT_EQ(*PsnrU8(picture, picture), HUGE_VAL);
}

TEST(PsnrU8Test, RefusesPicturesOfDifferentSizeNamingBoth) {
  const absl::Status status = PsnrU8(std::vector<uint8_t>(12), std::vector<uint8_t>(15)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("12 and 15"));
}

TEST(PsnrU8Test, RefusesEmptyPictures) {
  EXPECT_EQ(PsnrU8({}, {}).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace vitok
