#include "server/encode_call.h"

#include "core/base/status_macros.h"
#include "server/image_request.h"
#include "server/item_results.h"

namespace vitok {

EncodeCall::EncodeCall(const ServiceContext& context, grpc::CallbackServerContext* rpc,
                       const v1::EncodeRequest* request, v1::EncodeResponse* response)
    : ItemCall(context, rpc,
               {.op = TokenizerOp::kEncode,
                .model = request->model(),
                .items_field = "images",
                .num_items = request->images_size(),
                .allow_nonfinite = request->allow_nonfinite(),
                .priority = request->priority(),
                .message = request}),
      request_(*request),
      response_(response) {}

absl::Status EncodeCall::CheckOptions() {
  VITOK_RETURN_IF_ERROR(ReadImageOptions(request_, model(), context().options->limits, own_pipeline_, reading_));
  VITOK_ASSIGN_OR_RETURN(form_, ReadLatentForm(request_, model().info().dtype));
  return absl::OkStatus();
}

void EncodeCall::AddResults() { StartResults(model().key.name, request_.images_size(), response_); }

absl::StatusOr<int64_t> EncodeCall::CountTokens(int item) {
  return CountImageTokens(ItemField(item), request_.images(item), reading_);
}

absl::StatusOr<TokenSequence> EncodeCall::ReadItem(int item) {
  return ReadImage(ItemField(item), request_.images(item), reading_);
}

absl::Status EncodeCall::WriteItem(int item, const TokenSequence& output) {
  WriteLatents(std::get<LatentSequence>(output), form_, response_->mutable_results(item)->mutable_latents());
  return absl::OkStatus();
}

void EncodeCall::EndItem(int item, const absl::Status& status, int64_t tokens, const RequestTimings& timings) {
  EndResult(status, tokens, timings, response_->mutable_results(item));
}

}  // namespace vitok
