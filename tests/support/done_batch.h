// A batch of a tokenizer that has done all its work in Submit.
#pragma once

#include <utility>
#include <vector>

#include "core/model/tokenizer_batch.h"

namespace vitok {

class DoneBatch final : public PendingBatch {
 public:
  DoneBatch(std::vector<TokenizerOutput> outputs, const BatchTimes& times)
      : outputs_(std::move(outputs)), times_(times) {}

  bool IsReady() const override { return true; }

  absl::StatusOr<std::vector<TokenizerOutput>> Wait(BatchTimes& times) override {
    times = times_;
    return std::move(outputs_);
  }

 private:
  std::vector<TokenizerOutput> outputs_;
  BatchTimes times_;
};

}  // namespace vitok
