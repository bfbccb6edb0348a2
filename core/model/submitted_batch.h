// A batch whose computation is submitted: brings its results to the host and cuts them into items.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "core/model/batch_staging.h"
#include "core/model/device_transfer.h"
#include "core/model/tokenizer_batch.h"

namespace vitok {

class SubmittedBatch final : public PendingBatch {
 public:
  // What a forward pass gives, on its device; undefined where it does not.
  struct Results {
    at::Tensor latents;   // [T, Z]
    at::Tensor patches;   // [T, D]
    at::Tensor pictures;  // uint8: the bytes of all pictures and then one for each image: whether it is finite
    absl::Duration pack_time;
    DeviceEvent upload_begin, upload_end, compute_begin;
  };

  // Starts the copies to the host. `transfer` is not kept.
  SubmittedBatch(Results results, std::vector<BatchStaging::Output> outputs, DeviceTransfer& transfer);
  ~SubmittedBatch() override;
  SubmittedBatch(const SubmittedBatch&) = delete;
  SubmittedBatch& operator=(const SubmittedBatch&) = delete;

  bool IsReady() const override { return download_end_.HasPassed(); }
  absl::StatusOr<std::vector<TokenizerOutput>> Wait(BatchTimes& times) override;

 private:
  TokenizerOutput Cut(const BatchStaging::Output& output, size_t index) const;

  Results results_;  // kept until the copies are done
  const std::vector<BatchStaging::Output> outputs_;
  at::Tensor latents_TZ_, patches_TD_, pictures_B_;  // on the host
  DeviceEvent compute_end_, download_end_;
};

}  // namespace vitok
