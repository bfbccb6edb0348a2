#include "server/batching/lane.h"

#include <algorithm>
#include <utility>

#include "server/batching/fill_gap.h"

namespace vitok {

WaitingList::iterator Lane::Add(WaitingTask task) {
  size_ += task.task->size();
  ++count_;
  WaitingList& queue = queues_[static_cast<int>(task.task->priority)];
  return queue.insert(queue.end(), std::move(task));
}

WaitingTask Lane::Remove(WaitingList::iterator task) {
  const BatchSize size = task->task->size();
  size_.tokens -= size.tokens;
  size_.square_tokens -= size.square_tokens;
  size_.bytes -= size.bytes;
  --count_;
  WaitingTask removed = std::move(*task);
  queues_[static_cast<int>(removed.task->priority)].erase(task);
  return removed;
}

const WaitingTask* Lane::Oldest(Priority priority) const {
  const WaitingList& queue = queues_[static_cast<int>(priority)];
  return queue.empty() ? nullptr : &queue.front();
}

absl::Time Lane::OldestTime() const {
  absl::Time oldest = absl::InfiniteFuture();
  for (const WaitingList& queue : queues_) {
    if (!queue.empty()) oldest = std::min(oldest, queue.front().enqueued);
  }
  return oldest;
}

Lane::Pick Lane::PickBatch(Priority leader, const BatchBudget& budget, absl::Duration max_overtaking, absl::Time now) {
  const WaitingList::iterator first = First(leader);
  Pick pick{.tasks = {first}, .size = first->task->size()};
  for (WaitingList& queue : queues_) {
    auto task = queue.begin();
    while (task != queue.end() && (task == first || Take(task, budget, pick))) ++task;
    // The next one does not fit: from here on, younger tasks go before older ones.
    std::vector<WaitingList::iterator> candidates;
    for (; task != queue.end() && candidates.size() < kLookAhead; ++task) {
      if (task == first) continue;
      if (now - task->overtaken > max_overtaking) break;
      candidates.push_back(task);
    }
    TakeBest(candidates, budget, now, pick);
  }
  pick.full = pick.tasks.size() < count_;
  return pick;
}

bool Lane::Take(WaitingList::iterator task, const BatchBudget& budget, Pick& pick) {
  BatchSize with_task = pick.size;
  with_task += task->task->size();
  if (!budget.Fits(with_task)) return false;
  pick.size = with_task;
  pick.tasks.push_back(task);
  return true;
}

void Lane::TakeBest(const std::vector<WaitingList::iterator>& candidates, const BatchBudget& budget, absl::Time now,
                    Pick& pick) {
  constexpr double kEnough = 0.95;
  std::vector<int64_t> tokens;
  for (const WaitingList::iterator& task : candidates) tokens.push_back(task->task->tokens);
  const int64_t capacity = std::max<int64_t>(0, budget.tokens - pick.size.tokens);
  const int64_t enough =
      std::max<int64_t>(0, capacity - static_cast<int64_t>((1 - kEnough) * static_cast<double>(budget.tokens)));
  std::vector<bool> taken(candidates.size());
  int youngest = -1;
  const auto take = [&](int i) {
    if (taken[i] || !Take(candidates[i], budget, pick)) return;  // the other budgets may forbid it
    taken[i] = true;
    youngest = std::max(youngest, i);
  };
  for (const int i : FillGap(tokens, capacity, enough)) take(i);
  for (size_t i = 0; i < candidates.size(); ++i) take(static_cast<int>(i));
  for (int i = 0; i < youngest; ++i) {
    if (!taken[i]) candidates[i]->overtaken = std::min(candidates[i]->overtaken, now);
  }
}

}  // namespace vitok
