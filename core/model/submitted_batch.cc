#include "core/model/submitted_batch.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"

namespace vitok {

SubmittedBatch::SubmittedBatch(Results results, std::vector<BatchStaging::Output> outputs, DeviceTransfer& transfer)
    : results_(std::move(results)), outputs_(std::move(outputs)), compute_end_(transfer.RecordCompute()) {
  const bool wants_patches = std::any_of(outputs_.begin(), outputs_.end(),
                                         [](const auto& output) { return output.form == OutputForm::kPatches; });
  const auto start = [&transfer](at::Tensor& on_device) {
    on_device = on_device.contiguous();
    return transfer.StartDownload(on_device);
  };
  if (results_.latents.defined()) latents_TZ_ = start(results_.latents);
  if (wants_patches) patches_TD_ = start(results_.patches);
  if (results_.pictures.defined()) pictures_B_ = start(results_.pictures);
  download_end_ = transfer.RecordDownload();
}

SubmittedBatch::~SubmittedBatch() {
  try {
    download_end_.Wait();
  } catch (const c10::Error&) {
    // A failed device does nothing any more.
  }
}

absl::StatusOr<std::vector<TokenizerOutput>> SubmittedBatch::Wait(BatchTimes& times) {
  download_end_.Wait();
  const absl::Time start = absl::Now();
  std::vector<TokenizerOutput> outputs;
  outputs.reserve(outputs_.size());
  for (size_t i = 0; i < outputs_.size(); ++i) outputs.push_back(Cut(outputs_[i], i));
  compute_end_.Wait();
  times.host_to_device = results_.pack_time + results_.upload_end.Since(results_.upload_begin);
  times.compute = compute_end_.Since(results_.compute_begin);
  times.device_to_host = download_end_.Since(compute_end_) + (absl::Now() - start);
  return outputs;
}

TokenizerOutput SubmittedBatch::Cut(const BatchStaging::Output& output, size_t index) const {
  const ImageGeometry& geometry = output.geometry;
  if (output.form == OutputForm::kPicture) {
    const auto finite = static_cast<int64_t>(pictures_B_.numel() - outputs_.size() + index);
    const int64_t bytes = geometry.pixels() * 3;
    return DecodedPicture{
        pictures_B_.narrow(0, output.first_byte, bytes).view({geometry.height_px, geometry.width_px, 3}),
        pictures_B_.const_data_ptr<uint8_t>()[finite] != 0};
  }
  if (output.form == OutputForm::kLatents) {
    return LatentSequence{latents_TZ_.narrow(0, output.first_token, output.tokens), output.row_N, output.col_N,
                          geometry};
  }
  return PatchSequence{patches_TD_.narrow(0, output.first_token, output.picture_tokens),
                       output.row_N.narrow(0, 0, output.picture_tokens),
                       output.col_N.narrow(0, 0, output.picture_tokens), geometry};
}

}  // namespace vitok
