#include "server/decode_call.h"

#include "core/base/status_macros.h"
#include "server/latent_input.h"
#include "server/picture_output.h"

namespace vitok {

absl::Status DecodeCall::CheckOptions() {
  VITOK_ASSIGN_OR_RETURN(picture_, ReadPictureOptions(request().picture()));
  return absl::OkStatus();
}

absl::StatusOr<int64_t> DecodeCall::CountTokens(int item) {
  return CountLatentTokens(ItemField(item), request().latents(item), context().options->limits.max_image_tokens);
}

absl::StatusOr<TokenizerInput> DecodeCall::ReadItem(int item) {
  return ReadLatents(ItemField(item), request().latents(item), model().info(), request().allow_nonfinite());
}

absl::StatusOr<WrittenValue> DecodeCall::WriteItem(int item, const TokenizerOutput& output) {
  return WritePicture(output, model().info().patch_px, picture_, result(item)->mutable_picture());
}

}  // namespace vitok
