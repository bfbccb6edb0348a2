#include "server/decode_call.h"

#include "core/base/status_macros.h"
#include "server/item_results.h"
#include "server/latent_input.h"
#include "server/picture_output.h"

namespace vitok {

DecodeCall::DecodeCall(const ServiceContext& context, grpc::CallbackServerContext* rpc,
                       const v1::DecodeRequest* request, v1::DecodeResponse* response)
    : ItemCall(context, rpc,
               {.op = TokenizerOp::kDecode,
                .model = request->model(),
                .items_field = "latents",
                .num_items = request->latents_size(),
                .allow_nonfinite = request->allow_nonfinite(),
                .priority = request->priority(),
                .message = request}),
      request_(*request),
      response_(response) {}

absl::Status DecodeCall::CheckOptions() {
  VITOK_ASSIGN_OR_RETURN(picture_, ReadPictureOptions(request_.picture()));
  return absl::OkStatus();
}

void DecodeCall::AddResults() { StartResults(model().key.name, request_.latents_size(), response_); }

absl::StatusOr<int64_t> DecodeCall::CountTokens(int item) {
  return CountLatentTokens(ItemField(item), request_.latents(item), context().options->limits.max_image_tokens);
}

absl::StatusOr<TokenSequence> DecodeCall::ReadItem(int item) {
  return ReadLatents(ItemField(item), request_.latents(item), model().info(), request_.allow_nonfinite());
}

absl::Status DecodeCall::WriteItem(int item, const TokenSequence& output) {
  return WritePicture(std::get<PatchSequence>(output), model().info().patch_px, picture_,
                      response_->mutable_results(item)->mutable_picture());
}

void DecodeCall::EndItem(int item, const absl::Status& status, int64_t tokens, const RequestTimings& timings) {
  EndResult(status, tokens, timings, response_->mutable_results(item));
}

}  // namespace vitok
