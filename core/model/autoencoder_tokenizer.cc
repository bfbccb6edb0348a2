#include "core/model/autoencoder_tokenizer.h"

#include <utility>

#include "absl/time/clock.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/model/batch_staging.h"
#include "core/model/submitted_batch.h"
#include "core/ops/pixel_patches.h"

namespace vitok {
namespace {

// Besides the one that submits. Four together copy faster than the bus to a GPU takes it.
constexpr int kCopyThreads = 3;

TokenizerInfo InfoOf(const Autoencoder& model) {
  const AutoencoderConfig& config = model.config();
  return {.variant = config.Describe(),
          .patch_px = config.patch_px,
          .patch_values = config.patch_values(),
          .latent_channels = config.latent_channels,
          .dtype = FromScalarType(model.dtype()),
          .precision = model.precision(),
          .device = model.device().str(),
          .can_encode = model.has_encoder(),
          .can_decode = model.has_decoder(),
          .encoder_parameters = model.has_encoder() ? config.encoder_parameters() : 0,
          .decoder_parameters = model.has_decoder() ? config.decoder_parameters() : 0,
          .attend_padding_to = config.attend_padding_to.value_or(0)};
}

}  // namespace

AutoencoderTokenizer::AutoencoderTokenizer(Autoencoder model)
    : model_(std::move(model)),
      info_(InfoOf(model_)),
      transfer_(model_.device()),
      copy_threads_(model_.device().is_cpu() ? nullptr : std::make_unique<ThreadPool>("vitok-copy", kCopyThreads)) {}

absl::Status AutoencoderTokenizer::RequireHalves(bool encoder, bool decoder) const {
  if (encoder && !model_.has_encoder()) {
    return absl::UnimplementedError(StrCat("model ", info_.variant, " was loaded without its encoder"));
  }
  if (decoder && !model_.has_decoder()) {
    return absl::UnimplementedError(StrCat("model ", info_.variant, " was loaded without its decoder"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<PendingBatch>> AutoencoderTokenizer::Submit(absl::Span<const TokenizerItem> items) {
  const absl::Time start = absl::Now();
  VITOK_ASSIGN_OR_RETURN(const BatchKind kind, KindOf(items));
  VITOK_RETURN_IF_ERROR(RequireHalves(kind != BatchKind::kDecode, kind != BatchKind::kEncode));
  const bool decodes = kind == BatchKind::kDecode;
  const BatchStaging staging(items, {.patch_px = info_.patch_px,
                                     .token_values = decodes ? info_.latent_channels : info_.patch_values,
                                     .dtype = model_.dtype(),
                                     .pad_to_tokens = model_.config().attend_padding_to});
  SubmittedBatch::Results results;
  {
    DeviceTransfer::Upload upload = transfer_.BeginUpload(staging.block_bytes());
    staging.Fill(upload.host(), copy_threads_.get());
    results.pack_time = absl::Now() - start;
    results.upload_begin = transfer_.RecordUpload();
    const at::Tensor block_B = upload.Send(staging.filled_bytes());
    results.upload_end = transfer_.RecordUpload();
    results.compute_begin = transfer_.RecordCompute();
    TokenLayout layout = staging.Layout(block_B);
    const at::Tensor packed = staging.Pack(block_B, layout);
    if (decodes) {
      results.patches = model_.Decode({packed, layout}).patches_TD;
    } else {
      PackedLatents latents = model_.Encode({packed, layout});
      if (kind == BatchKind::kEncode) {
        results.latents = latents.z_TZ;
      } else {
        results.patches = model_.Decode(latents).patches_TD;
      }
    }
    if (staging.picture_bytes() > 0) {
      const auto images = static_cast<int64_t>(items.size());
      results.pictures = at::empty({staging.picture_bytes() + images}, block_B.options());
      at::Tensor bytes_B = results.pictures.narrow(0, 0, staging.picture_bytes());
      at::Tensor finite_I = results.pictures.narrow(0, staging.picture_bytes(), images).view(at::kBool);
      results.patches = results.patches.contiguous();
      PatchesToBytes(results.patches, layout.row_T, layout.col_T, staging.OutputSpans(block_B), info_.patch_px, bytes_B,
                     finite_I);
    }
  }
  return std::make_unique<SubmittedBatch>(std::move(results), staging.Outputs(), transfer_);
}

}  // namespace vitok
