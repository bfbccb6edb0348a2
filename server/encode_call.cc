#include "server/encode_call.h"

#include "core/base/status_macros.h"
#include "server/image_request.h"
#include "server/tensor_convert.h"

namespace vitok {

absl::Status EncodeCall::CheckOptions() {
  VITOK_RETURN_IF_ERROR(ReadImageOptions(request(), model(), context().options->limits, own_pipeline_, reading_));
  VITOK_ASSIGN_OR_RETURN(form_, ReadLatentForm(request(), model().info().dtype));
  return absl::OkStatus();
}

absl::StatusOr<int64_t> EncodeCall::CountTokens(int item) {
  return CountImageTokens(ItemField(item), request().images(item), reading_);
}

absl::StatusOr<TokenizerInput> EncodeCall::ReadItem(int item) {
  return ReadImage(ItemField(item), request().images(item), reading_);
}

absl::StatusOr<WrittenValue> EncodeCall::WriteItem(int item, const TokenizerOutput& output) {
  return WriteLatents(std::get<LatentSequence>(output), form_, result(item)->mutable_latents());
}

}  // namespace vitok
