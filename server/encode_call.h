// One Encode request.
#pragma once

#include <optional>
#include <utility>

#include "server/image_input.h"
#include "server/latent_output.h"
#include "server/message_call.h"

namespace vitok {

class EncodeCall final : public MessageCall<v1::EncodeRequest, v1::EncodeResponse> {
 public:
  EncodeCall(const ServiceContext& context, Caller caller, Done done)
      : MessageCall(context, TokenizerOp::kEncode, "images", std::move(caller), std::move(done)) {}

 private:
  int num_items() const override { return request().images_size(); }
  absl::Status CheckOptions() override;
  absl::StatusOr<int64_t> CountTokens(int item) override;
  bool IsPictureFile(int item) const override { return request().images(item).has_encoded(); }
  bool WritesPictureFiles() const override { return false; }
  OutputForm output_form() const override { return OutputForm::kLatents; }
  absl::StatusOr<TokenizerInput> ReadItem(int item) override;
  absl::StatusOr<WrittenValue> WriteItem(int item, const TokenizerOutput& output) override;

  std::optional<Preprocessor> own_pipeline_;
  ImageReading reading_;
  LatentForm form_;
};

}  // namespace vitok
