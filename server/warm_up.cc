#include "server/warm_up.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "core/base/status_macros.h"
#include "core/model/pixel_sequences.h"
#include "server/device_worker.h"
#include "server/tokenizer_task.h"

namespace vitok {
namespace {

struct Step {
  int64_t images;
  int32_t rows, cols;
};

constexpr size_t kLeastSteps = 3;

// Each fits into one batch, or is a single image.
std::vector<Step> Steps(const BatchBudget& budget) {
  constexpr int64_t kSide = 32;
  constexpr int64_t kAsManyAsFit = std::numeric_limits<int64_t>::max();
  std::vector<Step> steps = {{1, 1, 1},   {1, 3, 11},        {1, 16, 16},
                             {4, 16, 16}, {1, kSide, kSide}, {kAsManyAsFit, kSide, kSide}};
  for (Step& step : steps) {
    const int64_t tokens = int64_t{step.rows} * step.cols;
    const int64_t fit = std::min(budget.tokens / tokens, budget.square_tokens / (tokens * tokens));
    step.images = std::max<int64_t>(1, std::min(step.images, fit));
  }
  return steps;
}

// In the forms that most requests have: images as bytes in and out.
TokenizerItem Item(TokenizerOp op, const TokenizerInfo& model, int32_t rows, int32_t cols) {
  const auto patch = static_cast<int32_t>(model.patch_px);
  const ImageGeometry geometry{rows * patch, cols * patch, rows, cols};
  if (op == TokenizerOp::kDecode) {
    TokenPositions positions = RasterPositions(geometry, /*padding=*/0);
    return {LatentSequence{at::randn({geometry.cells(), model.latent_channels}), std::move(positions.row_N),
                           std::move(positions.col_N), geometry},
            OutputForm::kPicture};
  }
  return {PixelImage{at::randint(256, {geometry.height_px, geometry.width_px, 3}, at::kByte)},
          op == TokenizerOp::kEncode ? OutputForm::kLatents : OutputForm::kPicture};
}

// The device time of one batch.
absl::StatusOr<absl::Duration> Time(const std::shared_ptr<LoadedModel>& model, TokenizerOp op, const Step& step) {
  struct Outcome {
    absl::Status status;
    absl::Duration duration;
  };
  std::vector<Outcome> outcomes(step.images);
  absl::BlockingCounter running(static_cast<int>(step.images));
  std::vector<std::unique_ptr<TokenizerTask>> tasks;
  for (Outcome& outcome : outcomes) {
    auto task = std::make_unique<TokenizerTask>();
    task->lane = {model->id, op};
    task->priority = Priority::kBackground;
    task->tokens = int64_t{step.rows} * step.cols;
    task->model = model;
    task->item = Item(op, model->info(), step.rows, step.cols);
    task->done = [&outcome, &running](const absl::StatusOr<TokenizerOutput>& output, const TaskTimes& times) {
      outcome = {output.status(), times.batch_end - times.batch_start};
      running.DecrementCount();
    };
    tasks.push_back(std::move(task));
  }
  model->worker->Schedule(std::move(tasks));
  running.Wait();
  for (const Outcome& outcome : outcomes) {
    if (!outcome.status.ok()) return outcome.status;
  }
  return std::max(outcomes.front().duration, absl::Nanoseconds(1));
}

absl::StatusOr<CostModel> WarmUpOp(const std::shared_ptr<LoadedModel>& model, TokenizerOp op, const BatchBudget& budget,
                                   absl::Duration time_limit) {
  std::vector<CostModel::Sample> samples;
  CostModel costs;
  absl::Duration used;
  for (const Step& step : Steps(budget)) {
    const int64_t tokens = int64_t{step.rows} * step.cols;
    const BatchSize size{.tokens = step.images * tokens, .square_tokens = step.images * tokens * tokens};
    if (samples.size() >= kLeastSteps && used + costs.Predict(size) > time_limit) break;
    if (samples.empty()) {  // what happens only once
      VITOK_ASSIGN_OR_RETURN(used, Time(model, op, step));
    }
    VITOK_ASSIGN_OR_RETURN(const absl::Duration duration, Time(model, op, step));
    used += duration;
    samples.push_back({size, duration});
    costs = CostModel::Fit(samples);
  }
  return costs;
}

}  // namespace

absl::StatusOr<std::map<TokenizerOp, CostModel>> WarmUp(const std::shared_ptr<LoadedModel>& model,
                                                        const BatchBudget& budget, absl::Duration time_limit) {
  const c10::InferenceMode inference_mode;
  std::vector<TokenizerOp> ops;
  if (model->info().can_encode) ops.push_back(TokenizerOp::kEncode);
  if (model->info().can_decode) ops.push_back(TokenizerOp::kDecode);
  if (ops.size() == 2) ops.push_back(TokenizerOp::kReconstruct);
  std::map<TokenizerOp, CostModel> costs;
  for (const TokenizerOp op : ops) {
    VITOK_ASSIGN_OR_RETURN(costs[op], WarmUpOp(model, op, budget, time_limit / static_cast<int64_t>(ops.size())));
  }
  return costs;
}

}  // namespace vitok
