#include "server/warm_up.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "core/base/status_macros.h"
#include "server/run_batch.h"

namespace vitok {
namespace {

struct Step {
  int64_t images;
  int32_t rows, cols;
};

constexpr size_t kLeastSteps = 3;

std::vector<Step> Steps(const BatchBudget& budget) {
  constexpr int64_t kSide = 32;
  const int64_t full = std::max<int64_t>(1, budget.tokens / (kSide * kSide));
  return {{1, 1, 1}, {1, 3, 11}, {1, 16, 16}, {4, 16, 16}, {1, kSide, kSide}, {full, kSide, kSide}};
}

TokenSequence Input(TokenizerOp op, const TokenizerInfo& model, int32_t rows, int32_t cols) {
  const int64_t tokens = int64_t{rows} * cols;
  const auto patch = static_cast<int32_t>(model.patch_px);
  const ImageGeometry geometry{rows * patch, cols * patch, rows, cols};
  const at::Tensor row_N = at::arange(rows, at::kInt).repeat_interleave(cols);
  const at::Tensor col_N = at::arange(cols, at::kInt).repeat({rows});
  if (op == TokenizerOp::kDecode) {
    return LatentSequence{at::randn({tokens, model.latent_channels}), row_N, col_N, geometry};
  }
  return PatchSequence{at::rand({tokens, model.patch_values}) * 2 - 1, row_N, col_N, geometry};
}

absl::StatusOr<absl::Duration> Time(const LoadedModel& model, TokenizerOp op, const Step& step) {
  std::vector<TokenSequence> inputs;
  for (int64_t i = 0; i < step.images; ++i) inputs.push_back(Input(op, model.info(), step.rows, step.cols));
  BatchTimes times;
  const absl::Time start = absl::Now();
  for (const absl::StatusOr<TokenSequence>& result : RunBatch(model, op, std::move(inputs), times)) {
    if (!result.ok()) return result.status();
  }
  return std::max(absl::Now() - start, absl::Nanoseconds(1));
}

absl::StatusOr<CostModel> WarmUpOp(const LoadedModel& model, TokenizerOp op, const BatchBudget& budget,
                                   absl::Duration time_limit) {
  const absl::Time end = absl::Now() + time_limit;
  std::vector<CostModel::Sample> samples;
  CostModel costs;
  for (const Step& step : Steps(budget)) {
    const int64_t tokens = int64_t{step.rows} * step.cols;
    const BatchSize size{.tokens = step.images * tokens, .square_tokens = step.images * tokens * tokens};
    if (samples.size() >= kLeastSteps && absl::Now() + costs.Predict(size) > end) break;
    if (samples.empty()) VITOK_RETURN_IF_ERROR(Time(model, op, step).status());  // what happens only once
    VITOK_ASSIGN_OR_RETURN(const absl::Duration duration, Time(model, op, step));
    samples.push_back({size, duration});
    costs = CostModel::Fit(samples);
  }
  return costs;
}

}  // namespace

absl::StatusOr<std::map<TokenizerOp, CostModel>> WarmUp(const LoadedModel& model, const BatchBudget& budget,
                                                        absl::Duration time_limit) {
  const c10::InferenceMode inference_mode;
  std::vector<TokenizerOp> ops;
  if (model.info().can_encode) ops.push_back(TokenizerOp::kEncode);
  if (model.info().can_decode) ops.push_back(TokenizerOp::kDecode);
  if (ops.size() == 2) ops.push_back(TokenizerOp::kReconstruct);
  std::map<TokenizerOp, CostModel> costs;
  for (const TokenizerOp op : ops) {
    VITOK_ASSIGN_OR_RETURN(costs[op], WarmUpOp(model, op, budget, time_limit / static_cast<int64_t>(ops.size())));
  }
  return costs;
}

}  // namespace vitok
