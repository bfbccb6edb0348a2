#include "core/tokens/pack.h"

#include <algorithm>

namespace vitok {
namespace {

struct Source {
  const at::Tensor* values;  // [N, D]
  const at::Tensor* row;
  const at::Tensor* col;
  const ImageGeometry* geometry;
};

struct Packed {
  at::Tensor values;
  TokenLayout layout;
};

struct Split {
  at::Tensor values;
  at::Tensor row;
  at::Tensor col;
};

Packed Pack(const std::vector<Source>& sources, const PackOptions& options) {
  TokenLayout layout;
  layout.offsets.push_back(0);
  for (const Source& source : sources) {
    const int64_t tokens = std::max(source.values->size(0), options.pad_to_tokens.value_or(0));
    layout.offsets.push_back(layout.offsets.back() + tokens);
    layout.max_image_tokens = std::max(layout.max_image_tokens, static_cast<int32_t>(tokens));
    layout.images.push_back(*source.geometry);
  }
  const int64_t total = layout.num_tokens();
  const bool pinned = options.device.is_cuda();
  const auto host = [pinned](at::ScalarType type) { return at::TensorOptions().dtype(type).pinned_memory(pinned); };
  at::Tensor values_TD = at::empty({total, sources.front().values->size(1)}, host(options.dtype));
  at::Tensor row_T = at::empty({total}, host(at::kInt));
  at::Tensor col_T = at::empty({total}, host(at::kInt));
  for (size_t i = 0; i < sources.size(); ++i) {
    const int64_t tokens = sources[i].values->size(0);
    const int64_t padding = layout.offsets[i + 1] - layout.offsets[i] - tokens;
    const auto fill = [&](at::Tensor& packed, const at::Tensor& source) {
      packed.narrow(0, layout.offsets[i], tokens).copy_(source);
      packed.narrow(0, layout.offsets[i] + tokens, padding).zero_();
    };
    fill(values_TD, *sources[i].values);
    fill(row_T, *sources[i].row);
    fill(col_T, *sources[i].col);
  }
  at::Tensor cu_I1 = at::empty({static_cast<int64_t>(layout.offsets.size())}, host(at::kInt));
  std::copy(layout.offsets.begin(), layout.offsets.end(), cu_I1.data_ptr<int32_t>());
  layout.row_T = row_T.to(options.device, /*non_blocking=*/true);
  layout.col_T = col_T.to(options.device, /*non_blocking=*/true);
  layout.cu_I1 = cu_I1.to(options.device, /*non_blocking=*/true);
  return {values_TD.to(options.device, /*non_blocking=*/true), std::move(layout)};
}

std::vector<Split> SplitImages(const at::Tensor& values_TD, const TokenLayout& layout) {
  const at::Tensor values = values_TD.cpu();
  const at::Tensor row_T = layout.row_T.cpu();
  const at::Tensor col_T = layout.col_T.cpu();
  std::vector<Split> splits;
  for (int64_t i = 0; i < layout.num_images(); ++i) {
    const int64_t begin = layout.offsets[i];
    const int64_t tokens = layout.offsets[i + 1] - begin;
    const auto own = [&](const at::Tensor& packed) { return packed.narrow(0, begin, tokens).clone(); };
    splits.push_back({own(values), own(row_T), own(col_T)});
  }
  return splits;
}

}  // namespace

PackedPatches PackPatches(absl::Span<const PatchSequence> images, const PackOptions& options) {
  std::vector<Source> sources;
  for (const PatchSequence& image : images) {
    sources.push_back({&image.patches_ND, &image.row_N, &image.col_N, &image.geometry});
  }
  Packed packed = Pack(sources, options);
  return {std::move(packed.values), std::move(packed.layout)};
}

PackedLatents PackLatents(absl::Span<const LatentSequence> latents, const PackOptions& options) {
  std::vector<Source> sources;
  for (const LatentSequence& latent : latents) {
    sources.push_back({&latent.z_NZ, &latent.row_N, &latent.col_N, &latent.geometry});
  }
  Packed packed = Pack(sources, options);
  return {std::move(packed.values), std::move(packed.layout)};
}

std::vector<PatchSequence> SplitPatches(const PackedPatches& packed) {
  std::vector<PatchSequence> images;
  for (Split& split : SplitImages(packed.patches_TD, packed.layout)) {
    images.push_back(
        {std::move(split.values), std::move(split.row), std::move(split.col), packed.layout.images[images.size()]});
  }
  return images;
}

std::vector<LatentSequence> SplitLatents(const PackedLatents& packed) {
  std::vector<LatentSequence> latents;
  for (Split& split : SplitImages(packed.z_TZ, packed.layout)) {
    latents.push_back(
        {std::move(split.values), std::move(split.row), std::move(split.col), packed.layout.images[latents.size()]});
  }
  return latents;
}

int64_t PaddingTokens(absl::Span<const int64_t> lengths, std::optional<int64_t> pad_to_tokens) {
  int64_t padding = 0;
  for (const int64_t length : lengths) padding += std::max<int64_t>(0, pad_to_tokens.value_or(0) - length);
  return padding;
}

}  // namespace vitok
