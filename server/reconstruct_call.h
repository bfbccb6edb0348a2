// One Reconstruct request.
#pragma once

#include <optional>
#include <utility>

#include "server/image_input.h"
#include "server/message_call.h"
#include "server/picture_output.h"

namespace vitok {

class ReconstructCall final : public MessageCall<v1::ReconstructRequest, v1::ReconstructResponse> {
 public:
  ReconstructCall(const ServiceContext& context, Caller caller, Done done)
      : MessageCall(context, TokenizerOp::kReconstruct, "images", std::move(caller), std::move(done)) {}

 private:
  int num_items() const override { return request().images_size(); }
  absl::Status CheckOptions() override;
  absl::StatusOr<int64_t> CountTokens(int item) override;
  bool IsPictureFile(int item) const override { return request().images(item).has_encoded(); }
  bool WritesPictureFiles() const override { return IsFileFormat(picture_); }
  OutputForm output_form() const override { return OutputFormOf(picture_); }
  absl::StatusOr<TokenizerInput> ReadItem(int item) override;
  absl::StatusOr<WrittenValue> WriteItem(int item, const TokenizerOutput& output) override;

  std::optional<Preprocessor> own_pipeline_;
  ImageReading reading_;
  v1::PictureOptions picture_;
};

}  // namespace vitok
