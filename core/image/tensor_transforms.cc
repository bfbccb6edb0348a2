// The operations on tensors, and to_tensor, normalize and patchify in one pass.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/image/transforms.h"
#include "core/ops/patchify.h"
#include "core/ops/pixel_kernels.h"

// Shape letters: core/tokens/packed_tokens.h.
namespace vitok {
namespace {

constexpr int64_t kChannels = 3;

PatchSequence WithGrid(at::Tensor patches_ND, const PatchifyOp& op, SizePx size) {
  const int64_t rows = (size.height + op.patch_px - 1) / op.patch_px;
  const int64_t cols = (size.width + op.patch_px - 1) / op.patch_px;
  PatchSequence sequence;
  sequence.patches_ND = std::move(patches_ND);
  sequence.row_N = at::empty({rows * cols}, at::kInt);
  sequence.col_N = at::empty({rows * cols}, at::kInt);
  auto* row = sequence.row_N.mutable_data_ptr<int32_t>();
  auto* col = sequence.col_N.mutable_data_ptr<int32_t>();
  for (int64_t r = 0; r < rows; ++r, row += cols, col += cols) {
    std::fill_n(row, cols, static_cast<int32_t>(r));
    std::iota(col, col + cols, 0);
  }
  sequence.geometry = {static_cast<int32_t>(size.height), static_cast<int32_t>(size.width), static_cast<int32_t>(rows),
                       static_cast<int32_t>(cols)};
  return sequence;
}

// Antialiased, a = -0.5.
at::Tensor ResizeBicubic(const at::Tensor& pixels_3HW, SizePx size) {
  constexpr bool kAlignCorners = false;
  return at::_upsample_bicubic2d_aa(pixels_3HW.unsqueeze(0), {size.height, size.width}, kAlignCorners).squeeze(0);
}

}  // namespace

at::Tensor ImageToTensor(RgbView image) {
  const at::Tensor pixels_HW3 =
      at::from_blob(const_cast<uint8_t*>(image.pixels_HWC), {image.height_px, image.width_px, kChannels}, at::kByte);
  return pixels_HW3.permute({2, 0, 1}).to(at::kFloat).contiguous().div_(255.0);
}

at::Tensor NormalizeTensor(const NormalizeOp& op, const at::Tensor& pixels_3HW) {
  const ChannelStatistics statistics = StatisticsOf(op.mode);
  const at::Tensor mean_311 = at::tensor(at::ArrayRef<float>(statistics.mean)).view({kChannels, 1, 1});
  const at::Tensor std_311 = at::tensor(at::ArrayRef<float>(statistics.std)).view({kChannels, 1, 1});
  return (pixels_3HW - mean_311).div_(std_311);
}

at::Tensor MirrorTensor(const at::Tensor& pixels_3HW) { return pixels_3HW.flip({2}); }

SizePx BudgetSize(const ResizeToTokenBudgetOp& op, SizePx size) {
  const int64_t rows = (size.height + op.patch_px - 1) / op.patch_px;
  const int64_t cols = (size.width + op.patch_px - 1) / op.patch_px;
  if (rows * cols <= op.max_tokens) return size;
  const double scale = std::sqrt(static_cast<double>(op.max_tokens) / static_cast<double>(rows * cols));
  const auto scaled_px = [&](int64_t patches, int64_t side_px) {
    constexpr double kRoundingSlack = 1e-5;
    const auto fewer = static_cast<int64_t>(std::floor(static_cast<double>(patches) * scale + kRoundingSlack));
    return std::min(std::max<int64_t>(fewer, 1) * op.patch_px, side_px);
  };
  return {scaled_px(rows, size.height), scaled_px(cols, size.width)};
}

at::Tensor ResizeToTokenBudget(const ResizeToTokenBudgetOp& op, const at::Tensor& pixels_3HW) {
  const SizePx size = {pixels_3HW.size(1), pixels_3HW.size(2)}, budget = BudgetSize(op, size);
  if (budget == size) return pixels_3HW;
  return ResizeBicubic(pixels_3HW, budget);
}

at::Tensor ImageToTokenBudget(absl::Span<const NormalizeOp> normalize, const ResizeToTokenBudgetOp& op, RgbView image) {
  const SizePx budget = BudgetSize(op, {image.height_px, image.width_px});
  const auto to_values = [&](RgbView part) {
    at::Tensor values_3HW = ImageToTensor(part);
    for (const NormalizeOp& one : normalize) values_3HW = NormalizeTensor(one, values_3HW);
    return values_3HW;
  };
  if (budget == SizePx{image.height_px, image.width_px}) return to_values(image);
  // The first pass of the resize goes along rows, so they need not be there at once. A pass that keeps a size copies.
  constexpr int32_t kRows = 64;
  const int64_t row_bytes = image.width_px * kChannels;
  at::Tensor narrow_3HW = at::empty({kChannels, image.height_px, budget.width}, at::kFloat);
  for (int32_t top = 0; top < image.height_px; top += kRows) {
    const int32_t rows = std::min(kRows, image.height_px - top);
    const at::Tensor values_3HW = to_values({rows, image.width_px, image.pixels_HWC + top * row_bytes});
    narrow_3HW.narrow(1, top, rows).copy_(ResizeBicubic(values_3HW, {rows, budget.width}));
  }
  return ResizeBicubic(narrow_3HW, budget);
}

absl::StatusOr<int64_t> CountPatches(const PatchifyOp& op, SizePx size) {
  const int64_t rows = (size.height + op.patch_px - 1) / op.patch_px;
  const int64_t cols = (size.width + op.patch_px - 1) / op.patch_px;
  if (rows * cols > op.max_tokens) {
    return absl::InvalidArgumentError(StrCat("image of ", size.width, " x ", size.height, " px needs ", rows * cols,
                                             " tokens; patchify(", op.patch_px, ", ", op.max_tokens, ") allows ",
                                             op.max_tokens));
  }
  return rows * cols;
}

absl::StatusOr<PatchSequence> PatchifyTensor(const PatchifyOp& op, const at::Tensor& pixels_3HW) {
  const SizePx size{pixels_3HW.size(1), pixels_3HW.size(2)};
  VITOK_RETURN_IF_ERROR(CountPatches(op, size).status());
  return WithGrid(vitok::Patchify(pixels_3HW, op.patch_px), op, size);
}

absl::StatusOr<PatchSequence> PatchifyImage(const NormalizeOp& normalize, const PatchifyOp& op, RgbView image) {
  const SizePx size{image.height_px, image.width_px};
  VITOK_ASSIGN_OR_RETURN(const int64_t tokens, CountPatches(op, size));
  const int64_t patch_values = kChannels * op.patch_px * op.patch_px;
  at::Tensor patches_ND = at::empty({tokens, patch_values}, at::kFloat);
  const PixelView pixels = {image.pixels_HWC, image.height_px, image.width_px};
  FastestPixelKernels().bytes_to_patches(StatisticsOf(normalize.mode), pixels, op.patch_px,
                                         patches_ND.mutable_data_ptr<float>());
  return WithGrid(std::move(patches_ND), op, size);
}

}  // namespace vitok
