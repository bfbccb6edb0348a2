// The operations that make tensors: to_tensor, normalize and patchify, alone and in one pass.
#include <array>
#include <cstdint>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/image/transforms.h"
#include "core/ops/patchify.h"

// Shape letters: core/tokens/packed_tokens.h.
namespace vitok {
namespace {

constexpr int64_t kChannels = 3;

struct Statistics {
  std::array<float, kChannels> mean, std;
};

Statistics StatisticsOf(NormalizeMode mode) {
  switch (mode) {
    case NormalizeMode::kMinusOneToOne: return {{0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}};
    case NormalizeMode::kImagenet: return {{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};
    case NormalizeMode::kZeroToOne: break;
  }
  return {{0.0f, 0.0f, 0.0f}, {1.0f, 1.0f, 1.0f}};
}

float ByteToUnit(int value) { return static_cast<float>(value) / 255.0f; }

PatchSequence WithGrid(at::Tensor patches_ND, const PatchifyOp& op, SizePx size) {
  const int64_t rows = (size.height + op.patch_px - 1) / op.patch_px;
  const int64_t cols = (size.width + op.patch_px - 1) / op.patch_px;
  const at::Tensor row_R = at::arange(rows, at::kInt), col_C = at::arange(cols, at::kInt);
  PatchSequence sequence;
  sequence.patches_ND = std::move(patches_ND);
  sequence.row_N = row_R.repeat_interleave(cols);
  sequence.col_N = col_C.repeat({rows});
  sequence.geometry = {static_cast<int32_t>(size.height), static_cast<int32_t>(size.width), static_cast<int32_t>(rows),
                       static_cast<int32_t>(cols)};
  return sequence;
}

}  // namespace

at::Tensor ImageToTensor(RgbView image) {
  const at::Tensor pixels_HW3 =
      at::from_blob(const_cast<uint8_t*>(image.pixels_HWC), {image.height_px, image.width_px, kChannels}, at::kByte);
  return pixels_HW3.permute({2, 0, 1}).to(at::kFloat).contiguous().div_(255.0);
}

at::Tensor NormalizeTensor(const NormalizeOp& op, const at::Tensor& pixels_3HW) {
  const Statistics statistics = StatisticsOf(op.mode);
  const at::Tensor mean_311 = at::tensor(at::ArrayRef<float>(statistics.mean)).view({kChannels, 1, 1});
  const at::Tensor std_311 = at::tensor(at::ArrayRef<float>(statistics.std)).view({kChannels, 1, 1});
  return (pixels_3HW - mean_311).div_(std_311);
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
  // A byte has 256 values: the table holds what the separate operations give for each.
  const Statistics statistics = StatisticsOf(normalize.mode);
  std::array<std::array<float, 256>, kChannels> table;
  for (int64_t channel = 0; channel < kChannels; ++channel) {
    for (int value = 0; value < 256; ++value) {
      table[channel][value] = (ByteToUnit(value) - statistics.mean[channel]) / statistics.std[channel];
    }
  }
  const int64_t patch = op.patch_px, patch_values = kChannels * patch * patch;
  const bool padded = size.height % patch != 0 || size.width % patch != 0;
  at::Tensor patches_ND =
      padded ? at::zeros({tokens, patch_values}, at::kFloat) : at::empty({tokens, patch_values}, at::kFloat);
  float* const patches = patches_ND.data_ptr<float>();
  const int64_t cols = (size.width + patch - 1) / patch;
  for (int64_t y = 0; y < size.height; ++y) {
    const uint8_t* in = image.pixels_HWC + y * size.width * kChannels;
    for (int64_t col = 0; col < cols; ++col) {
      float* red = patches + (y / patch * cols + col) * patch_values + y % patch * patch;
      float* green = red + patch * patch;
      float* blue = green + patch * patch;
      const int64_t count = std::min(patch, size.width - col * patch);
      for (int64_t x = 0; x < count; ++x, in += kChannels) {
        red[x] = table[0][in[0]];
        green[x] = table[1][in[1]];
        blue[x] = table[2][in[2]];
      }
    }
  }
  return WithGrid(std::move(patches_ND), op, size);
}

}  // namespace vitok
