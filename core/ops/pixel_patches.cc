#include "core/ops/pixel_patches.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <numeric>

#include "core/ops/parallel.h"
#ifdef VITOK_CUDA
#include "core/ops/pixel_patches_cuda.h"
#endif

namespace vitok {
namespace {

constexpr int64_t kChannels = 3;
constexpr uint8_t kByteOfZero = 128;

int64_t ImageCount(const at::Tensor& spans) { return spans.numel() / static_cast<int64_t>(sizeof(PixelSpan)); }

// One image with its part of the batch's tokens.
struct Image {
  const PixelSpan& span;
  int64_t tokens;  // padding included
  int64_t picture_tokens;

  Image(const at::Tensor& spans, int64_t index, int64_t batch_tokens)
      : span(static_cast<const PixelSpan*>(spans.const_data_ptr())[index]),
        tokens((index + 1 < ImageCount(spans) ? (&span)[1].first_token : batch_tokens) - span.first_token),
        picture_tokens(std::min(tokens, int64_t{span.grid_rows} * span.grid_cols)) {}

  bool has_picture() const { return span.first_byte >= 0; }
  at::Tensor Rows(const at::Tensor& packed) const { return packed.narrow(0, span.first_token, picture_tokens); }
  at::Tensor Padding(const at::Tensor& packed) const {
    return packed.narrow(0, span.first_token + picture_tokens, tokens - picture_tokens);
  }
};

void ReadImage(const Image& image, const uint8_t* bytes, int64_t patch_px, const at::Tensor& patches_TD,
               const at::Tensor& row_T, const at::Tensor& col_T) {
  const PixelSpan& span = image.span;
  const at::Tensor patches_ND = image.Rows(patches_TD);
  at::Tensor values_ND = patches_ND.scalar_type() == at::kFloat ? patches_ND : at::empty_like(patches_ND, at::kFloat);
  FastestPixelKernels().bytes_to_patches(StatisticsOf(span.normalize),
                                         {bytes + span.first_byte, span.height_px, span.width_px}, patch_px,
                                         values_ND.mutable_data_ptr<float>());
  if (!values_ND.is_same(patches_ND)) patches_ND.copy_(values_ND);
  auto* row = image.Rows(row_T).mutable_data_ptr<int32_t>();
  auto* col = image.Rows(col_T).mutable_data_ptr<int32_t>();
  for (int32_t r = 0; r < span.grid_rows; ++r, row += span.grid_cols, col += span.grid_cols) {
    std::fill_n(row, span.grid_cols, r);
    std::iota(col, col + span.grid_cols, 0);
  }
  for (const at::Tensor& packed : {patches_TD, row_T, col_T}) image.Padding(packed).zero_();
}

bool WriteImage(const Image& image, const at::Tensor& patches_TD, const at::Tensor& row_T, const at::Tensor& col_T,
                int64_t patch_px, uint8_t* bytes) {
  const PixelSpan& span = image.span;
  uint8_t* const pixels = bytes + span.first_byte;
  if (image.picture_tokens < int64_t{span.grid_rows} * span.grid_cols) {
    std::fill_n(pixels, int64_t{span.height_px} * span.width_px * kChannels, kByteOfZero);
  }
  const at::Tensor values_ND = image.Rows(patches_TD).to(at::kFloat);
  const PlacedPatches placed = {values_ND.const_data_ptr<float>(), image.Rows(row_T).const_data_ptr<int32_t>(),
                                image.Rows(col_T).const_data_ptr<int32_t>(), image.picture_tokens, patch_px};
  return FastestPixelKernels().patches_to_bytes(placed, span.height_px, span.width_px, pixels);
}

}  // namespace

void BytesToPatches(const at::Tensor& bytes_B, const at::Tensor& spans, int64_t patch_px, at::Tensor& patches_TD,
                    at::Tensor& row_T, at::Tensor& col_T) {
#ifdef VITOK_CUDA
  if (bytes_B.is_cuda()) return BytesToPatchesCuda(bytes_B, spans, patch_px, patches_TD, row_T, col_T);
#endif
  ForEachInParallel(ImageCount(spans), [&](int64_t i) {
    const c10::InferenceMode inference_mode;  // other threads do not have that of the caller
    const Image image(spans, i, patches_TD.size(0));
    if (image.has_picture()) ReadImage(image, bytes_B.const_data_ptr<uint8_t>(), patch_px, patches_TD, row_T, col_T);
  });
}

void PatchesToBytes(const at::Tensor& patches_TD, const at::Tensor& row_T, const at::Tensor& col_T,
                    const at::Tensor& spans, int64_t patch_px, at::Tensor& bytes_B, at::Tensor& finite_I) {
#ifdef VITOK_CUDA
  if (bytes_B.is_cuda()) return PatchesToBytesCuda(patches_TD, row_T, col_T, spans, patch_px, bytes_B, finite_I);
#endif
  bool* const finite = finite_I.mutable_data_ptr<bool>();
  ForEachInParallel(ImageCount(spans), [&](int64_t i) {
    const c10::InferenceMode inference_mode;  // other threads do not have that of the caller
    const Image image(spans, i, patches_TD.size(0));
    finite[i] = !image.has_picture() ||
                WriteImage(image, patches_TD, row_T, col_T, patch_px, bytes_B.mutable_data_ptr<uint8_t>());
  });
}

}  // namespace vitok
