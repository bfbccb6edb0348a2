#include "tests/support/sequence_tokenizer.h"

#include <utility>

#include "core/base/status_macros.h"
#include "core/model/pixel_sequences.h"
#include "tests/support/done_batch.h"

namespace vitok {
namespace {

std::vector<PatchSequence> ImagesOf(absl::Span<const TokenizerItem> items, int64_t patch_px) {
  std::vector<PatchSequence> images;
  for (const TokenizerItem& item : items) {
    const auto* pixels = std::get_if<PixelImage>(&item.input);
    images.push_back(pixels != nullptr ? ToPatches(*pixels, patch_px) : std::get<PatchSequence>(item.input));
  }
  return images;
}

std::vector<LatentSequence> LatentsOf(absl::Span<const TokenizerItem> items) {
  std::vector<LatentSequence> latents;
  for (const TokenizerItem& item : items) latents.push_back(std::get<LatentSequence>(item.input));
  return latents;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PendingBatch>> SequenceTokenizer::Submit(absl::Span<const TokenizerItem> items) {
  VITOK_ASSIGN_OR_RETURN(const BatchKind kind, KindOf(items));
  std::vector<TokenizerOutput> outputs;
  BatchTimes times;
  if (kind == BatchKind::kEncode) {
    VITOK_ASSIGN_OR_RETURN(std::vector<LatentSequence> latents, Encode(ImagesOf(items, info().patch_px), times));
    for (LatentSequence& latent : latents) outputs.emplace_back(std::move(latent));
    return std::make_unique<DoneBatch>(std::move(outputs), times);
  }
  VITOK_ASSIGN_OR_RETURN(std::vector<PatchSequence> images, kind == BatchKind::kDecode
                                                                ? Decode(LatentsOf(items), times)
                                                                : Reconstruct(ImagesOf(items, info().patch_px), times));
  for (size_t i = 0; i < images.size(); ++i) {
    if (i < items.size() && items[i].form == OutputForm::kPicture) {
      outputs.emplace_back(ToPicture(images[i], info().patch_px));
    } else {
      outputs.emplace_back(std::move(images[i]));
    }
  }
  return std::make_unique<DoneBatch>(std::move(outputs), times);
}

}  // namespace vitok
