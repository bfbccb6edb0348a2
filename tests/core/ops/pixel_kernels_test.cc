// Each instruction set that this CPU has against operations of ATen, to the bit.
#include "core/ops/pixel_kernels.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "core/ops/patchify.h"

namespace vitok {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Height, width and patch side, px: whole and cut patches, sides that are and are not multiples of vectors.
struct Case {
  int32_t height_px, width_px;
  int64_t patch_px;
};
constexpr Case kCases[] = {{32, 48, 16}, {33, 47, 16}, {1, 1, 16},   {16, 17, 16}, {5, 100, 16},
                           {40, 24, 8},  {41, 23, 8},  {28, 42, 14}, {30, 45, 14}, {64, 64, 32},
                           {65, 95, 32}, {9, 10, 1},   {7, 9, 3},    {61, 83, 23}, {70, 130, 64}};

at::Tensor Normalize(const at::Tensor& pixels_HW3, const ChannelStatistics& statistics) {
  const auto by_channel = [](const std::array<float, 3>& values) {
    return at::tensor(at::ArrayRef<float>(values)).view({3, 1, 1});
  };
  const at::Tensor units_3HW = pixels_HW3.permute({2, 0, 1}).to(at::kFloat).div(255.0);
  return (units_3HW - by_channel(statistics.mean)).div(by_channel(statistics.std));
}

void ExpectPatchesOfAten(const PixelKernels& kernels, const at::Tensor& pixels_HW3, int64_t patch_px) {
  const PixelView image = {pixels_HW3.const_data_ptr<uint8_t>(), pixels_HW3.size(0), pixels_HW3.size(1)};
  for (const NormalizeMode mode :
       {NormalizeMode::kMinusOneToOne, NormalizeMode::kImagenet, NormalizeMode::kZeroToOne}) {
    const ChannelStatistics statistics = StatisticsOf(mode);
    const at::Tensor expected_ND = Patchify(Normalize(pixels_HW3, statistics), patch_px).contiguous();
    const at::Tensor patches_ND = at::full_like(expected_ND, kNan);
    kernels.bytes_to_patches(statistics, image, patch_px, patches_ND.mutable_data_ptr<float>());
    EXPECT_TRUE(patches_ND.view(at::kInt).equal(expected_ND.view(at::kInt)))
        << image.height_px << " x " << image.width_px << ", patches of " << patch_px << " px, mode "
        << static_cast<int>(mode);
  }
}

TEST(PixelKernelsTest, PatchesOfEveryByteAreThoseOfAten) {
  const at::Tensor pixels_HW3 = (at::arange(256).view({1, 256, 1}) + at::arange(3)).expand({3, 256, 3}).to(at::kByte);
  const at::Tensor image = pixels_HW3.contiguous();
  for (const PixelKernels& kernels : UsablePixelKernels()) {
    for (const int64_t patch_px : {1, 16, 256}) ExpectPatchesOfAten(kernels, image, patch_px);
  }
}

TEST(PixelKernelsTest, PatchesOfEverySizeAreThoseOfAten) {
  at::manual_seed(1);
  for (const PixelKernels& kernels : UsablePixelKernels()) {
    for (const Case& size : kCases) {
      ExpectPatchesOfAten(kernels, at::randint(256, {size.height_px, size.width_px, 3}, at::kByte), size.patch_px);
    }
  }
}

// Values that are hard to round: near the middle of two levels, beyond the range, tiny, infinite.
at::Tensor HardValues(int64_t count) {
  at::Tensor values = at::rand({count}) * 2.4 - 1.2;
  const at::Tensor half = (at::randint(256, {count}).to(at::kFloat) + 0.5) / 127.5 - 1;
  const at::Tensor next = at::nextafter(half, at::full({}, 2.0F));
  const at::Tensor other = at::tensor({kInfinity, -kInfinity, 1e-42F, -1e-42F, -0.0F, 1.0F, -1.0F, 3e38F});
  const at::Tensor kind = at::randint(4, {count});
  values = at::where(kind.eq(1), half, values);
  values = at::where(kind.eq(2), next, values);
  return at::where(kind.eq(3).logical_and(at::rand({count}).lt(0.2)), other.index({at::randint(8, {count})}), values);
}

struct Placed {
  at::Tensor patches_ND, row_N, col_N;
  int64_t patch_px;

  PlacedPatches View() const {
    return {patches_ND.const_data_ptr<float>(), row_N.const_data_ptr<int32_t>(), col_N.const_data_ptr<int32_t>(),
            patches_ND.size(0), patch_px};
  }
};

// Patches for a picture, in random order.
Placed RandomPatches(const Case& size) {
  const int64_t patch_px = size.patch_px, values = 3 * patch_px * patch_px;
  const int64_t rows = (size.height_px + patch_px - 1) / patch_px, cols = (size.width_px + patch_px - 1) / patch_px;
  const at::Tensor cell_N = at::randperm(rows * cols);
  return {HardValues(rows * cols * values).view({-1, values}).contiguous(), cell_N.div(cols, "floor").to(at::kInt),
          cell_N.remainder(cols).to(at::kInt), patch_px};
}

at::Tensor PictureOfAten(const Placed& placed, const Case& size) {
  const int64_t cols = (size.width_px + size.patch_px - 1) / size.patch_px;
  const at::Tensor cell_N = placed.row_N.to(at::kLong) * cols + placed.col_N;
  at::Tensor raster_ND = at::empty_like(placed.patches_ND);
  raster_ND.index_copy_(0, cell_N, placed.patches_ND);
  const at::Tensor pixels_3HW = Unpatchify(raster_ND, raster_ND.size(0) / cols, cols, size.patch_px)
                                    .slice(1, 0, size.height_px)
                                    .slice(2, 0, size.width_px);
  return (pixels_3HW.clamp(-1.0, 1.0) + 1.0).mul_(127.5).round_().to(at::kByte).permute({1, 2, 0});
}

TEST(PixelKernelsTest, PicturesAreThoseOfAten) {
  at::manual_seed(2);
  for (const PixelKernels& kernels : UsablePixelKernels()) {
    for (const Case& size : kCases) {
      const Placed placed = RandomPatches(size);
      at::Tensor pixels_HW3 = at::empty({size.height_px, size.width_px, 3}, at::kByte);
      const bool finite = kernels.patches_to_bytes(placed.View(), size.height_px, size.width_px,
                                                   pixels_HW3.mutable_data_ptr<uint8_t>());
      EXPECT_TRUE(pixels_HW3.equal(PictureOfAten(placed, size)))
          << size.height_px << " x " << size.width_px << ", patches of " << size.patch_px << " px";
      EXPECT_EQ(finite, placed.patches_ND.isfinite().all().item<bool>());
    }
  }
}

TEST(PixelKernelsTest, OneValueThatIsNotFiniteIsFound) {
  constexpr Case kSize = {20, 40, 16};  // 2 x 3 patches, some cut
  Placed placed = RandomPatches(kSize);
  placed.patches_ND.clamp_(-1, 1);
  std::vector<uint8_t> pixels(size_t{kSize.height_px} * kSize.width_px * 3);
  for (const PixelKernels& kernels : UsablePixelKernels()) {
    const auto is_finite = [&] {
      return kernels.patches_to_bytes(placed.View(), kSize.height_px, kSize.width_px, pixels.data());
    };
    EXPECT_TRUE(is_finite());
    for (int64_t i = 0; i < placed.patches_ND.numel(); i += 61) {
      float& value = placed.patches_ND.mutable_data_ptr<float>()[i];
      const float good = value;
      for (const float bad : {kNan, kInfinity, -kInfinity}) {
        value = bad;
        EXPECT_FALSE(is_finite()) << bad << " as value " << i;
      }
      value = good;
    }
  }
}

TEST(PixelKernelsTest, NanLeavesItsNeighboursAsTheyAre) {
  constexpr Case kSize = {16, 16, 16};
  const Placed placed = RandomPatches(kSize);
  const at::Tensor expected_HW3 = PictureOfAten(placed, kSize);
  placed.patches_ND[0][16 * 16 + 5 * 16 + 7] = kNan;  // green of row 5, column 7
  for (const PixelKernels& kernels : UsablePixelKernels()) {
    at::Tensor pixels_HW3 = at::empty({16, 16, 3}, at::kByte);
    EXPECT_FALSE(kernels.patches_to_bytes(placed.View(), 16, 16, pixels_HW3.mutable_data_ptr<uint8_t>()));
    pixels_HW3[5][7][1] = expected_HW3[5][7][1];
    EXPECT_TRUE(pixels_HW3.equal(expected_HW3));
  }
}

TEST(PixelKernelsTest, PixelsWithoutAPatchStay) {
  constexpr Case kSize = {32, 32, 16};
  Placed placed = RandomPatches(kSize);
  placed.patches_ND = placed.patches_ND.narrow(0, 0, 1);
  const int64_t top = placed.row_N[0].item<int64_t>() * 16, left = placed.col_N[0].item<int64_t>() * 16;
  for (const PixelKernels& kernels : UsablePixelKernels()) {
    at::Tensor pixels_HW3 = at::full({32, 32, 3}, 7, at::kByte);
    kernels.patches_to_bytes(placed.View(), 32, 32, pixels_HW3.mutable_data_ptr<uint8_t>());
    pixels_HW3.narrow(0, top, 16).narrow(1, left, 16).fill_(7);
    EXPECT_TRUE(pixels_HW3.eq(7).all().item<bool>());
  }
}

}  // namespace
}  // namespace vitok
