#include "server/reconstruct_call.h"

#include "core/base/status_macros.h"
#include "server/image_request.h"
#include "server/item_results.h"
#include "server/picture_output.h"

namespace vitok {

ReconstructCall::ReconstructCall(const ServiceContext& context, grpc::CallbackServerContext* rpc,
                                 const v1::ReconstructRequest* request, v1::ReconstructResponse* response)
    : ItemCall(context, rpc,
               {.op = TokenizerOp::kReconstruct,
                .model = request->model(),
                .items_field = "images",
                .num_items = request->images_size(),
                .allow_nonfinite = request->allow_nonfinite(),
                .priority = request->priority(),
                .message = request}),
      request_(*request),
      response_(response) {}

absl::Status ReconstructCall::CheckOptions() {
  VITOK_RETURN_IF_ERROR(ReadImageOptions(request_, model(), context().options->limits, own_pipeline_, reading_));
  VITOK_ASSIGN_OR_RETURN(picture_, ReadPictureOptions(request_.picture()));
  return absl::OkStatus();
}

void ReconstructCall::AddResults() { StartResults(model().key.name, request_.images_size(), response_); }

absl::StatusOr<int64_t> ReconstructCall::CountTokens(int item) {
  return CountImageTokens(ItemField(item), request_.images(item), reading_);
}

absl::StatusOr<TokenSequence> ReconstructCall::ReadItem(int item) {
  return ReadImage(ItemField(item), request_.images(item), reading_);
}

absl::Status ReconstructCall::WriteItem(int item, const TokenSequence& output) {
  return WritePicture(std::get<PatchSequence>(output), model().info().patch_px, picture_,
                      response_->mutable_results(item)->mutable_picture());
}

void ReconstructCall::EndItem(int item, const absl::Status& status, int64_t tokens, const RequestTimings& timings) {
  EndResult(status, tokens, timings, response_->mutable_results(item));
}

}  // namespace vitok
