// The op against itself: image by image through the CPU's kernels, and on a GPU, where there is one, against the CPU.
#include "core/ops/pixel_patches.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "core/ops/patchify.h"
#include "tests/support/cuda_test.h"
#include "tests/support/tensor_matchers.h"

namespace vitok {
namespace {

struct SizePx {
  int32_t height, width;
};

// Sides that are and are not multiples of the patch, of 8 and of 4; pictures of one pixel, long ones, many of one size.
const std::vector<std::vector<SizePx>> kBatches = {
    {{64, 64}, {64, 64}, {64, 64}},
    {{1, 1}},
    {{33, 47}, {1, 100}, {64, 64}, {7, 3}, {100, 1}, {65, 66}, {50, 49}, {48, 51}},
    {{16, 24}, {24, 16}, {17, 36}, {200, 301}},
};

// A batch in the form of the op, with `padding` tokens after each image.
struct Batch {
  std::vector<PixelSpan> spans;
  int64_t tokens = 0, bytes = 0;

  Batch(const std::vector<SizePx>& sizes, int32_t patch_px, int64_t padding, int64_t gap_bytes = 0) {
    constexpr NormalizeMode kModes[] = {NormalizeMode::kMinusOneToOne, NormalizeMode::kImagenet,
                                        NormalizeMode::kZeroToOne};
    for (const SizePx& size : sizes) {
      const int32_t rows = (size.height + patch_px - 1) / patch_px, cols = (size.width + patch_px - 1) / patch_px;
      spans.push_back({bytes, static_cast<int32_t>(tokens), size.height, size.width, rows, cols,
                       kModes[spans.size() % std::size(kModes)]});
      tokens += int64_t{rows} * cols + padding;
      bytes += int64_t{size.height} * size.width * 3 + gap_bytes;
    }
    bytes = (bytes + 3) / 4 * 4;
  }

  at::Tensor SpansOn(at::Device device) const {
    const auto count = static_cast<int64_t>(spans.size() * sizeof(PixelSpan));
    return at::from_blob(const_cast<PixelSpan*>(spans.data()), {count}, at::kByte).clone().to(device);
  }
};

struct Patches {
  at::Tensor patches_TD, row_T, col_T;
};

Patches Read(const Batch& batch, const at::Tensor& bytes_B, int64_t patch_px, at::ScalarType dtype, at::Device device) {
  const at::TensorOptions options = at::TensorOptions().device(device);
  Patches out = {at::full({batch.tokens, 3 * patch_px * patch_px}, NAN, options.dtype(dtype)),
                 at::full({batch.tokens}, -7, options.dtype(at::kInt)),
                 at::full({batch.tokens}, -7, options.dtype(at::kInt))};
  BytesToPatches(bytes_B.to(device), batch.SpansOn(device), patch_px, out.patches_TD, out.row_T, out.col_T);
  return {out.patches_TD.cpu(), out.row_T.cpu(), out.col_T.cpu()};
}

struct Pictures {
  at::Tensor bytes_B, finite_I;
};

constexpr uint8_t kUntouched = 77;

Pictures Write(const Batch& batch, const Patches& in, int64_t patch_px, at::Device device) {
  const at::TensorOptions options = at::TensorOptions().device(device);
  const auto images = static_cast<int64_t>(batch.spans.size());
  Pictures out = {at::full({batch.bytes}, kUntouched, options.dtype(at::kByte)),
                  at::full({images}, false, options.dtype(at::kBool))};
  PatchesToBytes(in.patches_TD.to(device), in.row_T.to(device), in.col_T.to(device), batch.SpansOn(device), patch_px,
                 out.bytes_B, out.finite_I);
  return {out.bytes_B.cpu(), out.finite_I.cpu()};
}

// Values that are hard to round: near the middle of two levels, beyond the range, tiny.
at::Tensor HardValues(int64_t rows, int64_t cols) {
  at::Tensor values = at::rand({rows, cols}) * 2.4 - 1.2;
  const at::Tensor half = (at::randint(256, {rows, cols}).to(at::kFloat) + 0.5) / 127.5 - 1;
  const at::Tensor next = at::nextafter(half, at::full({}, 2.0F));
  const at::Tensor other = at::tensor({3e38F, -3e38F, 1e-42F, -1e-42F, -0.0F, 1.0F, -1.0F});
  const at::Tensor kind = at::randint(5, {rows, cols});
  values = at::where(kind.eq(1), half, values);
  values = at::where(kind.eq(2), next, values);
  return at::where(kind.eq(3), other.index({at::randint(7, {rows, cols})}), values);
}

at::Tensor RandomBytes(const Batch& batch) { return at::randint(256, {batch.bytes}, at::kByte); }

at::Tensor Picture(const Pictures& pictures, const PixelSpan& span) {
  return pictures.bytes_B.narrow(0, span.first_byte, int64_t{span.height_px} * span.width_px * 3)
      .view({span.height_px, span.width_px, 3});
}

TEST(PixelPatchesTest, GivesThePatchesOfEachPictureAndThenItsBytes) {
  at::manual_seed(1);
  for (const int32_t patch_px : {8, 14, 16}) {
    for (const std::vector<SizePx>& sizes : kBatches) {
      Batch batch(sizes, patch_px, 0);
      for (PixelSpan& span : batch.spans) span.normalize = NormalizeMode::kMinusOneToOne;
      const at::Tensor bytes_B = RandomBytes(batch);
      const Patches patches = Read(batch, bytes_B, patch_px, at::kFloat, at::kCPU);
      const Pictures pictures = Write(batch, patches, patch_px, at::kCPU);
      EXPECT_TRUE(pictures.finite_I.all().item<bool>());
      for (const PixelSpan& span : batch.spans) {
        const at::Tensor pixels_HW3 = Picture({bytes_B, {}}, span);
        const at::Tensor expected_ND =
            Patchify((pixels_HW3.permute({2, 0, 1}).to(at::kFloat).div(255.0) - 0.5).div(0.5), patch_px);
        EXPECT_TRUE(IsSame(patches.patches_TD.narrow(0, span.first_token, expected_ND.size(0)), expected_ND));
        const at::Tensor row_N = patches.row_T.narrow(0, span.first_token, expected_ND.size(0));
        const at::Tensor col_N = patches.col_T.narrow(0, span.first_token, expected_ND.size(0));
        EXPECT_TRUE(IsSame(row_N, at::arange(span.grid_rows, at::kInt).repeat_interleave(span.grid_cols)));
        EXPECT_TRUE(IsSame(col_N, at::arange(span.grid_cols, at::kInt).repeat({span.grid_rows})));
        EXPECT_TRUE(IsSame(Picture(pictures, span), pixels_HW3));
      }
    }
  }
}

TEST(PixelPatchesTest, PaddingIsZeroAndCountsForNothing) {
  Batch batch({{16, 20}, {8, 8}}, 8, /*padding=*/3);
  Patches patches = Read(batch, RandomBytes(batch), 8, at::kBFloat16, at::kCPU);
  for (const PixelSpan& span : batch.spans) {
    const int64_t begin = span.first_token + int64_t{span.grid_rows} * span.grid_cols;
    for (const at::Tensor& packed : {patches.patches_TD, patches.row_T, patches.col_T}) {
      EXPECT_EQ(packed.narrow(0, begin, 3).count_nonzero().item<int64_t>(), 0);
    }
    patches.patches_TD.narrow(0, begin, 3).fill_(NAN);
  }
  EXPECT_TRUE(Write(batch, patches, 8, at::kCPU).finite_I.all().item<bool>());
}

TEST(PixelPatchesTest, LeavesImagesWithoutAPictureAlone) {
  Batch batch({{16, 16}, {16, 16}}, 8, 0);
  batch.spans[0].first_byte = -1;
  const Patches patches = Read(batch, RandomBytes(batch), 8, at::kFloat, at::kCPU);
  EXPECT_TRUE(patches.patches_TD.narrow(0, 0, 4).isnan().all().item<bool>());
  EXPECT_TRUE(patches.row_T.narrow(0, 0, 4).eq(-7).all().item<bool>());
  EXPECT_FALSE(patches.patches_TD.narrow(0, 4, 4).isnan().any().item<bool>());
  const Pictures pictures = Write(batch, patches, 8, at::kCPU);
  EXPECT_TRUE(pictures.finite_I.all().item<bool>());
  EXPECT_TRUE(pictures.bytes_B.narrow(0, 0, 16 * 16 * 3).eq(kUntouched).all().item<bool>());
}

TEST(PixelPatchesTest, CellsWithoutATokenAreMidGrey) {
  Batch batch({{16, 16}}, 8, 0);
  batch.tokens = 3;
  const Patches patches = {at::full({3, 192}, 1.0), at::tensor({0, 1, 1}, at::kInt), at::tensor({1, 0, 1}, at::kInt)};
  const at::Tensor pixels_HW3 = Picture(Write(batch, patches, 8, at::kCPU), batch.spans[0]);
  EXPECT_TRUE(pixels_HW3.slice(0, 0, 8).slice(1, 0, 8).eq(128).all().item<bool>());
  EXPECT_EQ(pixels_HW3.eq(255).sum().item<int64_t>(), 3 * 8 * 8 * 3);
}

class CudaPixelPatchesTest : public CudaTest, public testing::WithParamInterface<at::ScalarType> {};

INSTANTIATE_TEST_SUITE_P(, CudaPixelPatchesTest, testing::Values(at::kFloat, at::kBFloat16, at::kHalf),
                         [](const auto& info) { return c10::toString(info.param); });

TEST_P(CudaPixelPatchesTest, PatchesHaveTheBitsOfTheCpu) {
  for (const int32_t patch_px : {1, 7, 8, 14, 16, 24, 32, 64}) {
    for (const std::vector<SizePx>& sizes : kBatches) {
      for (const int64_t padding : {0, 3}) {
        for (const int64_t gap_bytes : {0, 1}) {  // pictures at any address
          const Batch batch(sizes, patch_px, padding, gap_bytes);
          const at::Tensor bytes_B = RandomBytes(batch);
          const Patches expected = Read(batch, bytes_B, patch_px, GetParam(), at::kCPU);
          const Patches actual = Read(batch, bytes_B, patch_px, GetParam(), at::kCUDA);
          EXPECT_TRUE(IsSame(actual.patches_TD, expected.patches_TD)) << patch_px << " px, batch of " << sizes.size();
          EXPECT_TRUE(IsSame(actual.row_T, expected.row_T));
          EXPECT_TRUE(IsSame(actual.col_T, expected.col_T));
        }
      }
    }
  }
}

TEST_P(CudaPixelPatchesTest, PatchesOfEveryByteHaveTheBitsOfTheCpu) {
  const Batch batch({{3, 256}, {3, 256}, {3, 256}}, 16, 0);
  const at::Tensor bytes_B = at::arange(batch.bytes).remainder(259).remainder(256).to(at::kByte);
  EXPECT_TRUE(IsSame(Read(batch, bytes_B, 16, GetParam(), at::kCUDA).patches_TD,
                     Read(batch, bytes_B, 16, GetParam(), at::kCPU).patches_TD));
}

TEST_P(CudaPixelPatchesTest, PicturesHaveTheBytesOfTheCpu) {
  for (const int32_t patch_px : {1, 7, 8, 14, 16, 24, 32, 64}) {
    for (const std::vector<SizePx>& sizes : kBatches) {
      for (const int64_t gap_bytes : {0, 1}) {
        Batch batch(sizes, patch_px, 2, gap_bytes);
        Patches patches = Read(batch, RandomBytes(batch), patch_px, at::kFloat, at::kCPU);
        // Tokens in any order within their image, and one missing in the last.
        for (const PixelSpan& span : batch.spans) {
          const int64_t cells = int64_t{span.grid_rows} * span.grid_cols;
          const at::Tensor order = at::randperm(cells);
          for (at::Tensor* packed : {&patches.row_T, &patches.col_T}) {
            at::Tensor part = packed->narrow(0, span.first_token, cells);
            part.copy_(part.index_select(0, order));
          }
        }
        const int64_t lacking = std::min<int64_t>(batch.tokens - 1, 3);
        batch.tokens -= lacking;
        patches = {HardValues(batch.tokens, patches.patches_TD.size(1)).to(GetParam()),
                   patches.row_T.narrow(0, 0, batch.tokens).contiguous(),
                   patches.col_T.narrow(0, 0, batch.tokens).contiguous()};
        patches.patches_TD.masked_fill_(patches.patches_TD.isinf(), 2);  // float16 ends at 65504
        const Pictures expected = Write(batch, patches, patch_px, at::kCPU);
        const Pictures actual = Write(batch, patches, patch_px, at::kCUDA);
        EXPECT_TRUE(IsSame(actual.bytes_B, expected.bytes_B)) << patch_px << " px, batch of " << sizes.size();
        EXPECT_TRUE(IsSame(actual.finite_I, expected.finite_I));
        EXPECT_TRUE(actual.finite_I.all().item<bool>());
      }
    }
  }
}

TEST_P(CudaPixelPatchesTest, OneValueThatIsNotFiniteIsFoundInItsImageAlone) {
  const Batch batch({{20, 40}, {33, 31}, {16, 16}}, 16, 1);
  Patches patches = Read(batch, RandomBytes(batch), 16, GetParam(), at::kCPU);
  for (int64_t i = 0; i < patches.patches_TD.numel(); i += 97) {
    const int64_t token = i / 768;
    const at::Tensor good = patches.patches_TD.view({-1})[i].clone();
    patches.patches_TD.view({-1})[i] = i % 2 == 0 ? NAN : -INFINITY;
    at::Tensor expected_I = at::ones({3}, at::kBool);
    for (int image = 0; image < 3; ++image) {
      const PixelSpan& span = batch.spans[image];
      const int64_t in_image = token - span.first_token;
      if (in_image >= 0 && in_image < int64_t{span.grid_rows} * span.grid_cols) expected_I[image] = false;
    }
    EXPECT_TRUE(IsSame(Write(batch, patches, 16, at::kCUDA).finite_I, expected_I)) << "value " << i;
    patches.patches_TD.view({-1})[i] = good;
  }
}

TEST_P(CudaPixelPatchesTest, LeavesImagesWithoutAPictureAlone) {
  Batch batch({{16, 16}, {16, 16}, {9, 9}}, 8, 0);
  batch.spans[1].first_byte = -1;
  const at::Tensor bytes_B = RandomBytes(batch);
  const Patches patches = Read(batch, bytes_B, 8, GetParam(), at::kCUDA);
  EXPECT_TRUE(patches.patches_TD.narrow(0, 4, 4).isnan().all().item<bool>());
  EXPECT_TRUE(patches.row_T.narrow(0, 4, 4).eq(-7).all().item<bool>());
  const Pictures expected = Write(batch, patches, 8, at::kCPU);
  const Pictures actual = Write(batch, patches, 8, at::kCUDA);
  EXPECT_TRUE(IsSame(actual.bytes_B, expected.bytes_B));
  EXPECT_TRUE(actual.finite_I.all().item<bool>());
}

// 262,144 tokens of 768 values: more than 2^27 values, and byte offsets beyond 2^31 in float32.
TEST_P(CudaPixelPatchesTest, ALargePictureComesBack) {
  const Batch batch({{8192, 8192}}, 16, 0);
  const at::TensorOptions options = at::TensorOptions().device(at::kCUDA);
  const at::Tensor bytes_B = at::randint(256, {batch.bytes}, options.dtype(at::kByte));
  at::Tensor patches_TD = at::empty({batch.tokens, 768}, options.dtype(GetParam()));
  at::Tensor row_T = at::empty({batch.tokens}, options.dtype(at::kInt)), col_T = at::empty_like(row_T);
  BytesToPatches(bytes_B, batch.SpansOn(at::kCUDA), 16, patches_TD, row_T, col_T);
  at::Tensor back_B = at::full_like(bytes_B, kUntouched), finite_I = at::zeros({1}, options.dtype(at::kBool));
  PatchesToBytes(patches_TD, row_T, col_T, batch.SpansOn(at::kCUDA), 16, back_B, finite_I);
  EXPECT_TRUE(finite_I.item<bool>());
  // 8 bits of mantissa hold values near 1 to half a level.
  const int64_t largest = (back_B.to(at::kShort) - bytes_B.to(at::kShort)).abs().max().item<int64_t>();
  EXPECT_LE(largest, GetParam() == at::kBFloat16 ? 1 : 0);
}

}  // namespace
}  // namespace vitok
