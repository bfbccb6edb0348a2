// One Encode call.
#pragma once

#include <optional>

#include "server/image_input.h"
#include "server/item_call.h"
#include "server/latent_output.h"
#include "vitok/v1/tokenizer.pb.h"

namespace vitok {

class EncodeCall final : public ItemCall {
 public:
  EncodeCall(const ServiceContext& context, grpc::CallbackServerContext* rpc, const v1::EncodeRequest* request,
             v1::EncodeResponse* response);

 private:
  absl::Status CheckOptions() override;
  void AddResults() override;
  absl::StatusOr<int64_t> CountTokens(int item) override;
  absl::StatusOr<TokenSequence> ReadItem(int item) override;
  absl::Status WriteItem(int item, const TokenSequence& output) override;
  void EndItem(int item, const absl::Status& status, int64_t tokens, const RequestTimings& timings) override;
  v1::Timings* reply_timings() override { return response_->mutable_timings(); }
  const google::protobuf::Message& reply() const override { return *response_; }

  const v1::EncodeRequest& request_;
  v1::EncodeResponse* const response_;
  std::optional<Preprocessor> own_pipeline_;
  ImageReading reading_;
  LatentForm form_;
};

}  // namespace vitok
