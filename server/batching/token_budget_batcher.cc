#include "server/batching/token_budget_batcher.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace vitok {

void TokenBudgetBatcher::SetCostModel(const LaneKey& lane, const CostModel& model) {
  absl::MutexLock lock(&mutex_);
  lanes_[lane].costs = std::move(model);
}

void TokenBudgetBatcher::ForgetModel(uint64_t model) {
  absl::MutexLock lock(&mutex_);
  lanes_.erase(lanes_.lower_bound({.model = model}), lanes_.lower_bound({.model = model + 1}));
  shares_.Forget(model);
}

absl::Status TokenBudgetBatcher::Schedule(std::vector<std::unique_ptr<BatchTask>>& tasks) {
  Dropped expired;
  {
    absl::MutexLock lock(&mutex_);
    if (!shut_down_.ok()) return shut_down_;
    const absl::Time now = options_.now();
    for (std::unique_ptr<BatchTask>& task : tasks) {
      const BatchTask& facts = *task;
      if (facts.deadline <= now) {
        expired.push_back({.task = std::move(task)});
        continue;
      }
      LaneState& lane = lanes_[facts.lane];
      const absl::Duration cost = lane.costs.PredictMarginal(facts.size());
      const auto waiting = lane.lane.Add({.task = std::move(task), .enqueued = now, .cost = cost});
      waiting_cost_[static_cast<int>(facts.priority)] += cost;
      shares_.Activate(facts.lane.model);
      requests_[facts.request].push_back(waiting);
      if (facts.deadline != absl::InfiniteFuture()) {
        waiting->deadline = deadlines_.emplace(facts.deadline, waiting);
        waiting->has_deadline = true;
      }
    }
    tasks.clear();
    changed_.Signal();
    if (!deadlines_.empty() && deadlines_.begin()->first < deadlines_checked_at_) deadlines_changed_.Signal();
  }
  DropAll(std::move(expired), absl::DeadlineExceededError("deadline passed before it ran"));
  return absl::OkStatus();
}

void TokenBudgetBatcher::Cancel(uint64_t request) {
  Dropped cancelled;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = requests_.find(request);
    if (found == requests_.end()) return;
    for (const WaitingList::iterator& task : std::vector(found->second)) cancelled.push_back(Unlink(task));
  }
  DropAll(std::move(cancelled), absl::CancelledError("cancelled by the client before it ran"));
}

absl::Duration TokenBudgetBatcher::PredictTime(const LaneKey& lane, Priority priority, const BatchSize& size) const {
  absl::MutexLock lock(&mutex_);
  const auto found = lanes_.find(lane);
  if (found == lanes_.end() || !found->second.costs.fitted()) return absl::ZeroDuration();
  const absl::Duration own = found->second.costs.Predict(size);
  absl::Duration before;
  for (int c = 0; c <= static_cast<int>(priority); ++c) before += waiting_cost_[c];
  for (const auto& [number, predicted] : out_) before += predicted;
  if (!out_.empty()) before -= std::min(options_.now() - running_since_, out_.begin()->second);
  return before + own;
}

WaitingTask TokenBudgetBatcher::Unlink(WaitingList::iterator task) {
  const BatchTask& facts = *task->task;
  if (task->has_deadline) deadlines_.erase(task->deadline);
  waiting_cost_[static_cast<int>(facts.priority)] -= task->cost;
  const auto request = requests_.find(facts.request);
  std::erase(request->second, task);
  if (request->second.empty()) requests_.erase(request);
  const uint64_t model = facts.lane.model;
  WaitingTask unlinked = lanes_[facts.lane].lane.Remove(task);
  if (!ModelWaits(model)) shares_.Deactivate(model);
  return unlinked;
}

bool TokenBudgetBatcher::ModelWaits(uint64_t model) const {
  for (auto lane = lanes_.lower_bound({.model = model}); lane != lanes_.end() && lane->first.model == model; ++lane) {
    if (!lane->second.lane.empty()) return true;
  }
  return false;
}

bool TokenBudgetBatcher::IsReady(const Lane& lane) const {
  if (lane.empty()) return false;
  if (out_.empty()) return true;
  const BatchSize& size = lane.size();
  const BatchBudget& budget = options_.budget;
  const bool fills_a_batch =
      size.tokens >= budget.tokens || size.square_tokens >= budget.square_tokens || size.bytes >= budget.bytes;
  return fills_a_batch || options_.now() - lane.OldestTime() >= options_.max_delay;
}

absl::Time TokenBudgetBatcher::NextReady() const {
  absl::Time next = absl::InfiniteFuture();
  if (out_.size() >= static_cast<size_t>(options_.prefetch)) return next;
  for (const auto& [key, lane] : lanes_) next = std::min(next, lane.lane.OldestTime() + options_.max_delay);
  return next;
}

std::optional<std::pair<LaneKey, Priority>> TokenBudgetBatcher::ChooseLeader() const {
  struct Candidate {
    const LaneKey* lane = nullptr;
    const WaitingTask* task = nullptr;
    absl::Duration given;
  };
  std::array<Candidate, kPriorities> candidates;
  std::array<int64_t, kPriorities> next_tokens{};
  bool found = false;
  for (const auto& [key, state] : lanes_) {
    if (!IsReady(state.lane)) continue;
    const absl::Duration given = shares_.Given(key.model);
    for (int c = 0; c < kPriorities; ++c) {
      const WaitingTask* const task = state.lane.Oldest(static_cast<Priority>(c));
      if (task == nullptr) continue;
      found = true;
      Candidate& best = candidates[c];
      if (best.lane == nullptr || given < best.given || (given == best.given && task->enqueued < best.task->enqueued)) {
        best = {&key, task, given};
        next_tokens[c] = task->task->tokens;
      }
    }
  }
  if (!found) return std::nullopt;
  const Priority leader = credits_.Choose(next_tokens);
  return std::pair(*candidates[static_cast<int>(leader)].lane, leader);
}

std::optional<Batch> TokenBudgetBatcher::FormBatch() {
  if (out_.size() >= static_cast<size_t>(options_.prefetch)) return std::nullopt;
  const auto leader = ChooseLeader();
  if (!leader) return std::nullopt;
  const absl::Time now = options_.now();
  LaneState& state = lanes_[leader->first];
  std::array<bool, kPriorities> waiting{};
  for (const auto& [key, other] : lanes_) {
    for (int c = 0; c < kPriorities; ++c) waiting[c] |= other.lane.Oldest(static_cast<Priority>(c)) != nullptr;
  }
  const Lane::Pick pick = state.lane.PickBatch(leader->second, options_.budget, options_.max_overtaking, now);

  Batch batch{.lane = leader->first, .size = pick.size, .predicted = state.costs.Predict(pick.size)};
  batch.reason = pick.full ? CloseReason::kFull : out_.empty() ? CloseReason::kIdle : CloseReason::kDelay;
  batch.number = ++batches_;
  std::array<int64_t, kPriorities> tokens{};
  for (const WaitingList::iterator& task : pick.tasks) {
    tokens[static_cast<int>(task->task->priority)] += task->task->tokens;
    batch.tasks.push_back(Unlink(task).task);
  }
  credits_.Serve(tokens, waiting);
  shares_.Charge(batch.lane.model, batch.predicted);
  if (out_.empty()) running_since_ = now;
  out_.emplace(batch.number, batch.predicted);
  return batch;
}

std::optional<Batch> TokenBudgetBatcher::TryNextBatch() {
  std::optional<Batch> batch;
  Dropped expired;
  {
    absl::MutexLock lock(&mutex_);
    expired = UnlinkExpired();
    batch = FormBatch();
  }
  DropAll(std::move(expired), absl::DeadlineExceededError("deadline passed before it ran"));
  return batch;
}

std::optional<Batch> TokenBudgetBatcher::NextBatch() {
  while (true) {
    if (std::optional<Batch> batch = TryNextBatch()) return batch;
    absl::MutexLock lock(&mutex_);
    if (!shut_down_.ok()) return std::nullopt;
    // Something may have come since TryNextBatch looked.
    if (out_.size() < static_cast<size_t>(options_.prefetch) && ChooseLeader()) continue;
    changed_.WaitWithTimeout(&mutex_, NextReady() - options_.now());
  }
}

void TokenBudgetBatcher::BatchDone(const Batch& batch, absl::Duration duration) {
  absl::MutexLock lock(&mutex_);
  out_.erase(batch.number);
  running_since_ = options_.now();
  if (duration > absl::ZeroDuration()) {
    lanes_[batch.lane].costs.Record(batch.size, duration);
    shares_.Correct(batch.lane.model, duration - batch.predicted);
  }
  changed_.Signal();
}

TokenBudgetBatcher::Dropped TokenBudgetBatcher::UnlinkExpired() {
  Dropped expired;
  const absl::Time now = options_.now();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    expired.push_back(Unlink(deadlines_.begin()->second));
  }
  return expired;
}

absl::Time TokenBudgetBatcher::DropExpired() {
  Dropped expired;
  absl::Time next = absl::InfiniteFuture();
  {
    absl::MutexLock lock(&mutex_);
    expired = UnlinkExpired();
    if (!deadlines_.empty()) next = deadlines_.begin()->first;
  }
  DropAll(std::move(expired), absl::DeadlineExceededError("deadline passed before it ran"));
  return next;
}

void TokenBudgetBatcher::DropExpiredUntilShutdown() {
  while (true) {
    DropExpired();
    absl::MutexLock lock(&mutex_);
    if (!shut_down_.ok()) return;
    deadlines_checked_at_ = deadlines_.empty() ? absl::InfiniteFuture() : deadlines_.begin()->first;
    const absl::Duration left = deadlines_checked_at_ - options_.now();
    if (left > absl::ZeroDuration()) deadlines_changed_.WaitWithTimeout(&mutex_, left);
  }
}

void TokenBudgetBatcher::DropAll(Dropped dropped, const absl::Status& status) {
  for (WaitingTask& waiting : dropped) waiting.task->Drop(status);
}

void TokenBudgetBatcher::Shutdown(absl::Status status) {
  Dropped left;
  {
    absl::MutexLock lock(&mutex_);
    if (!shut_down_.ok()) return;
    shut_down_ = status;
    for (auto& [key, state] : lanes_) {
      for (int c = 0; c < kPriorities; ++c) {
        while (state.lane.Oldest(static_cast<Priority>(c)) != nullptr) {
          left.push_back(Unlink(state.lane.First(static_cast<Priority>(c))));
        }
      }
    }
    changed_.SignalAll();
    deadlines_changed_.SignalAll();
  }
  DropAll(std::move(left), status);
}

}  // namespace vitok
