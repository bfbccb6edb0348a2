#include "server/reconstruct_call.h"

#include "core/base/status_macros.h"
#include "server/image_request.h"
#include "server/picture_output.h"

namespace vitok {

absl::Status ReconstructCall::CheckOptions() {
  VITOK_RETURN_IF_ERROR(ReadImageOptions(request(), model(), context().options->limits, own_pipeline_, reading_));
  VITOK_ASSIGN_OR_RETURN(picture_, ReadPictureOptions(request().picture()));
  return absl::OkStatus();
}

absl::StatusOr<int64_t> ReconstructCall::CountTokens(int item) {
  return CountImageTokens(ItemField(item), request().images(item), reading_);
}

absl::StatusOr<TokenizerInput> ReconstructCall::ReadItem(int item) {
  return ReadImage(ItemField(item), request().images(item), reading_);
}

absl::StatusOr<WrittenValue> ReconstructCall::WriteItem(int item, const TokenizerOutput& output) {
  return WritePicture(output, model().info().patch_px, picture_, result(item)->mutable_picture());
}

}  // namespace vitok
