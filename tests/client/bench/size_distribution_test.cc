#include "client/bench/size_distribution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace vitok {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

std::vector<ImageSize> Draw(const char* text, int count, uint64_t seed = 1) {
  Random random(seed);
  return SizeDistribution::Parse(text)->Draw(count, &random);
}

TEST(SizeDistributionTest, TakesOneSize) {
  EXPECT_THAT(Draw("512", 3), Each(ImageSize{512, 512}));
  EXPECT_THAT(Draw("1024x768", 3), Each(ImageSize{1024, 768}));
  EXPECT_THAT(Draw("512:3", 3), Each(ImageSize{512, 512}));
}

TEST(SizeDistributionTest, DrawsExactlyTheWeights) {
  const std::vector<ImageSize> sizes = Draw("256:0.5,512:0.3,1024x768:0.2", 100);
  EXPECT_EQ(std::count(sizes.begin(), sizes.end(), ImageSize{256, 256}), 50);
  EXPECT_EQ(std::count(sizes.begin(), sizes.end(), ImageSize{512, 512}), 30);
  EXPECT_EQ(std::count(sizes.begin(), sizes.end(), ImageSize{1024, 768}), 20);
  EXPECT_FALSE(std::is_sorted(sizes.begin(), sizes.end(),
                              [](const ImageSize& a, const ImageSize& b) { return a.width_px < b.width_px; }));
}

TEST(SizeDistributionTest, TakesWeightsOfAnySumAndOneWhereThereIsNone) {
  const std::vector<ImageSize> sizes = Draw("16,32:3", 40);
  EXPECT_EQ(std::count(sizes.begin(), sizes.end(), ImageSize{16, 16}), 10);
}

TEST(SizeDistributionTest, DrawsUniformSidesFromTheWholeRangeIndependently) {
  const std::vector<ImageSize> sizes = Draw("uniform:1-100", 100);
  std::vector<int32_t> widths, heights;
  for (const ImageSize& size : sizes) {
    widths.push_back(size.width_px);
    heights.push_back(size.height_px);
  }
  EXPECT_NE(widths, heights);
  std::sort(widths.begin(), widths.end());
  std::sort(heights.begin(), heights.end());
  for (int i = 0; i < 100; ++i) EXPECT_EQ(widths[i], i + 1);
  EXPECT_EQ(widths, heights);
}

TEST(SizeDistributionTest, GivesTheSameForTheSameSeed) {
  EXPECT_EQ(Draw("uniform:1-1000", 20, 7), Draw("uniform:1-1000", 20, 7));
  EXPECT_NE(Draw("uniform:1-1000", 20, 7), Draw("uniform:1-1000", 20, 8));
}

TEST(SizeDistributionTest, NamesThePartThatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "sizes: \"\": a side must be a number of pixels in [1, 65535]; was \"\""},
      {"256,abc", "sizes: \"abc\": a side must be a number of pixels in [1, 65535]; was \"abc\""},
      {"256,", "sizes: \"\": a side"},
      {"0", "was \"0\""},
      {"65536", "was \"65536\""},
      {"-5", "was \"-5\""},
      {"12x", "sizes: \"12x\": a side must be a number of pixels in [1, 65535]; was \"\""},
      {"12x34x56", "was \"34x56\""},
      {"256:", "sizes: \"256:\": a weight must be positive and finite; was \"\""},
      {"256:0", "was \"0\""},
      {"256:-1", "was \"-1\""},
      {"256:nan", "was \"nan\""},
      {"256:inf,512", "sizes: \"256:inf\": a weight must be positive and finite; was \"inf\""},
      {"uniform:", "sizes: \"uniform:\": a side"},
      {"uniform:256", "sizes: \"uniform:256\": a side"},
      {"uniform:512-256", "sizes: \"uniform:512-256\": the range ends at 256, below 512"},
      {"normal:1-2", "was \"normal\""},
  };
  for (const auto& [text, message] : cases) {
    const absl::Status status = SizeDistribution::Parse(text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message)) << text;
  }
}

}  // namespace
}  // namespace vitok
