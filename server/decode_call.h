// One Decode request.
#pragma once

#include <utility>

#include "server/message_call.h"
#include "server/picture_output.h"

namespace vitok {

class DecodeCall final : public MessageCall<v1::DecodeRequest, v1::DecodeResponse> {
 public:
  DecodeCall(const ServiceContext& context, Caller caller, Done done)
      : MessageCall(context, TokenizerOp::kDecode, "latents", std::move(caller), std::move(done)) {}

 private:
  int num_items() const override { return request().latents_size(); }
  absl::Status CheckOptions() override;
  absl::StatusOr<int64_t> CountTokens(int item) override;
  bool IsPictureFile(int item) const override { return false; }
  bool WritesPictureFiles() const override { return IsFileFormat(picture_); }
  OutputForm output_form() const override { return OutputFormOf(picture_); }
  absl::StatusOr<TokenizerInput> ReadItem(int item) override;
  absl::StatusOr<WrittenValue> WriteItem(int item, const TokenizerOutput& output) override;

  v1::PictureOptions picture_;
};

}  // namespace vitok
