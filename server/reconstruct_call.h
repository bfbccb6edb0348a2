// One Reconstruct call.
#pragma once

#include <optional>

#include "server/image_input.h"
#include "server/item_call.h"
#include "vitok/v1/tokenizer.pb.h"

namespace vitok {

class ReconstructCall final : public ItemCall {
 public:
  ReconstructCall(const ServiceContext& context, grpc::CallbackServerContext* rpc,
                  const v1::ReconstructRequest* request, v1::ReconstructResponse* response);

 private:
  absl::Status CheckOptions() override;
  void AddResults() override;
  absl::StatusOr<int64_t> CountTokens(int item) override;
  absl::StatusOr<TokenSequence> ReadItem(int item) override;
  absl::Status WriteItem(int item, const TokenSequence& output) override;
  void EndItem(int item, const absl::Status& status, int64_t tokens, const RequestTimings& timings) override;
  v1::Timings* reply_timings() override { return response_->mutable_timings(); }
  const google::protobuf::Message& reply() const override { return *response_; }

  const v1::ReconstructRequest& request_;
  v1::ReconstructResponse* const response_;
  std::optional<Preprocessor> own_pipeline_;
  ImageReading reading_;
  v1::PictureOptions picture_;
};

}  // namespace vitok
