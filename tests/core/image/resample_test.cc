#include "core/image/resample.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "core/image/resample_kernels.h"
#include "tests/core/image/image_bytes.h"

namespace vitok {
namespace {

constexpr ResampleFilter kFilters[] = {ResampleFilter::kBox, ResampleFilter::kBilinear, ResampleFilter::kBicubic,
                                       ResampleFilter::kLanczos};

TEST(ResampleTest, SameSizeGivesTheSamePixels) {
  const RgbImage image = MakePattern(13, 29);
  for (const ResampleFilter filter : kFilters) EXPECT_EQ(Resample(image, filter, 13, 29), image);
}

TEST(ResampleTest, BoxHalvesByAveraging) {
  RgbImage image(2, 2);
  image.pixels_HWC = {0, 10, 255, 4, 20, 255, 8, 30, 255, 12, 40, 255};
  const RgbImage half = Resample(image, ResampleFilter::kBox, 1, 1);
  EXPECT_EQ(half.pixels_HWC, (std::vector<uint8_t>{6, 25, 255}));
}

TEST(ResampleTest, KeepsAFlatColour) {
  RgbImage image(17, 23);
  std::fill(image.pixels_HWC.begin(), image.pixels_HWC.end(), 201);
  for (const ResampleFilter filter : kFilters) {
    for (const auto& [height_px, width_px] : {std::pair(5, 40), {40, 5}, {1, 1}}) {
      const RgbImage resized = Resample(image, filter, height_px, width_px);
      EXPECT_TRUE(
          std::all_of(resized.pixels_HWC.begin(), resized.pixels_HWC.end(), [](uint8_t v) { return v == 201; }));
    }
  }
}

TEST(ResampleTest, WindowIsThePartOfTheWhole) {
  const RgbImage image = MakePattern(31, 44);
  for (const ResampleFilter filter : kFilters) {
    for (const auto& [height_px, width_px] : {std::pair(20, 90), {62, 13}, {31, 50}, {50, 44}, {31, 44}}) {
      const RgbImage whole = Resample(image, filter, height_px, width_px);
      const PixelWindow window{7, 5, 11, 8};
      const RgbImage part = ResampleWindow(image, filter, height_px, width_px, window);
      ASSERT_EQ(part.height_px, window.height_px);
      ASSERT_EQ(part.width_px, window.width_px);
      for (int64_t y = 0; y < window.height_px; ++y) {
        const auto* expected = &whole.pixels_HWC[((y + window.top) * width_px + window.left) * 3];
        EXPECT_TRUE(std::equal(expected, expected + window.width_px * 3, &part.pixels_HWC[y * window.width_px * 3]));
      }
    }
  }
}

TEST(ResampleTest, WindowOfAHugePictureNeedsLittleMemory) {
  const RgbImage image = MakePattern(1, 60000);
  // The whole would have 60000 * 1024 x 1024 pixels.
  const RgbImage part = ResampleWindow(image, ResampleFilter::kBicubic, 1024, int64_t{60000} * 1024,
                                       {0, int64_t{30000} * 1024, 1024, 1024});
  EXPECT_EQ(part.height_px, 1024);
  EXPECT_EQ(part.width_px, 1024);
}

TEST(ResampleTest, BilinearGivesPillowsPixels) {
  RgbImage image(1, 5);
  image.pixels_HWC = {0, 255, 7, 10, 0, 7, 200, 255, 7, 255, 0, 7, 30, 255, 7};
  EXPECT_EQ(Resample(image, ResampleFilter::kBilinear, 1, 3).pixels_HWC,
            (std::vector<uint8_t>{4, 146, 7, 170, 142, 7, 126, 146, 7}));
  EXPECT_EQ(Resample(image, ResampleFilter::kBilinear, 1, 8).pixels_HWC,
            (std::vector<uint8_t>{0,   255, 7, 4,   143, 7, 22,  16,  7, 141, 175, 7,
                                  217, 175, 7, 252, 16,  7, 128, 143, 7, 30,  255, 7}));
}

TEST(ResampleTest, ABoxIsAPictureOfItsOwn) {
  const RgbImage image = MakePattern(40, 50);
  const PixelWindow box{7, 5, 21, 33};
  RgbImage cut(box.height_px, box.width_px);
  for (int64_t y = 0; y < box.height_px; ++y) {
    std::copy_n(&image.pixels_HWC[((y + box.top) * 50 + box.left) * 3], box.width_px * 3, &cut.pixels_HWC[y * 33 * 3]);
  }
  for (const ResampleFilter filter : kFilters) {
    for (const auto& [height_px, width_px] : {std::pair(10, 60), {21, 33}, {21, 8}, {50, 33}}) {
      EXPECT_EQ(ResampleBox(image, box, filter, height_px, width_px), Resample(cut, filter, height_px, width_px));
    }
  }
}

TEST(ResampleKernelsTest, EveryInstructionSetGivesTheSums) {
  std::mt19937 random(1);
  for (const int64_t count : {1, 2, 7, 48}) {
    for (const int64_t size : {1, 15, 47, 48, 49, 95, 96, 131}) {
      const int64_t stride = size + 3;
      std::vector<uint8_t> in(stride * count);
      for (uint8_t& byte : in) byte = static_cast<uint8_t>(random() % 4 == 0 ? 255 * (random() % 2) : random());
      std::vector<int32_t> weights(count);
      // Sums below 0 and above 255, within the bounds of real weights: an int32 holds them.
      for (int32_t& weight : weights) {
        weight = (static_cast<int32_t>(random() % (1 << 23)) - (1 << 21)) / static_cast<int32_t>(count);
      }
      std::vector<uint8_t> expected(size);
      for (int64_t i = 0; i < size; ++i) {
        int64_t sum = 1 << 21;
        for (int64_t j = 0; j < count; ++j) sum += int64_t{weights[j]} * in[j * stride + i];
        expected[i] = static_cast<uint8_t>(std::clamp<int64_t>(sum >> 22, 0, 255));
      }
      for (const ResampleKernels& kernels : UsableResampleKernels()) {
        std::vector<uint8_t> out(size + 1, 77);
        WeighBytes(kernels, in.data(), stride, weights.data(), count, size, out.data());
        EXPECT_EQ(out.back(), 77) << "written beyond the end";
        out.pop_back();
        EXPECT_EQ(out, expected) << count << " weights, " << size << " bytes";
      }
    }
  }
}

TEST(ResampleKernelsTest, RowsAndColumnsChangePlaces) {
  for (const int64_t size : {1, 15, 16, 17, 100}) {
    std::vector<std::vector<uint8_t>> rows(kResampleRows, std::vector<uint8_t>(size));
    std::vector<const uint8_t*> in;
    for (int64_t row = 0; row < kResampleRows; ++row) {
      for (int64_t i = 0; i < size; ++i) rows[row][i] = static_cast<uint8_t>(row * 31 + i * 7);
      in.push_back(rows[row].data());
    }
    std::vector<uint8_t> columns(size * kResampleRows);
    RowsToColumns(in.data(), size, columns.data());
    for (int64_t i = 0; i < size; ++i) {
      for (int64_t row = 0; row < kResampleRows; ++row) ASSERT_EQ(columns[i * kResampleRows + row], rows[row][i]);
    }
    std::vector<std::vector<uint8_t>> back(kResampleRows, std::vector<uint8_t>(size));
    std::vector<uint8_t*> out;
    for (std::vector<uint8_t>& row : back) out.push_back(row.data());
    ColumnsToRows(columns.data(), size, out.data());
    EXPECT_EQ(back, rows);
  }
}

}  // namespace
}  // namespace vitok
