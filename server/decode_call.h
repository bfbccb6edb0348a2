// One Decode call.
#pragma once

#include "server/item_call.h"
#include "vitok/v1/tokenizer.pb.h"

namespace vitok {

class DecodeCall final : public ItemCall {
 public:
  DecodeCall(const ServiceContext& context, grpc::CallbackServerContext* rpc, const v1::DecodeRequest* request,
             v1::DecodeResponse* response);

 private:
  absl::Status CheckOptions() override;
  void AddResults() override;
  absl::StatusOr<int64_t> CountTokens(int item) override;
  absl::StatusOr<TokenSequence> ReadItem(int item) override;
  absl::Status WriteItem(int item, const TokenSequence& output) override;
  void EndItem(int item, const absl::Status& status, int64_t tokens, const RequestTimings& timings) override;
  v1::Timings* reply_timings() override { return response_->mutable_timings(); }
  const google::protobuf::Message& reply() const override { return *response_; }

  const v1::DecodeRequest& request_;
  v1::DecodeResponse* const response_;
  v1::PictureOptions picture_;
};

}  // namespace vitok
