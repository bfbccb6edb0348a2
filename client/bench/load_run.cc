#include "client/bench/load_run.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace vitok {
namespace {

constexpr absl::Duration kProgressInterval = absl::Seconds(1);

}  // namespace

LoadRun::LoadRun(LoadRunOptions options, absl::Span<const PreparedRequest> pool, LoadDriver* driver, Clock* clock)
    : options_(std::move(options)),
      pool_(pool),
      driver_(driver),
      clock_(clock),
      recorder_(options_.warm_up, options_.warm_up + options_.duration),
      random_(options_.seed) {}

bool LoadRun::Send(absl::Duration due, Then then) {
  const PreparedRequest* request = nullptr;
  bool measured = false;
  {
    absl::MutexLock lock(&mutex_);
    if (!Admit(due)) return false;
    request = &NextRequest();
    measured = recorder_.Measures(due);
    ++in_flight_;
    recorder_.RecordSent(due, clock_->Now(), in_flight_);
  }
  driver_->Send(*request,
                [this, request, measured, due, then = std::move(then)](const RequestOutcome& outcome) mutable {
                  OnDone(*request, measured, due, outcome, then);
                });
  return true;
}

bool LoadRun::NotSent(absl::Duration due) {
  absl::MutexLock lock(&mutex_);
  if (!Admit(due)) return false;
  recorder_.RecordNotSent(due);
  ++progress_.not_sent;
  return true;
}

void LoadRun::Tick(absl::Duration time) {
  clock_->SleepUntil(std::min(time, clock_->Now() + kTick));
  const absl::Duration now = clock_->Now();
  HandleInterrupts(now);
  {
    absl::MutexLock lock(&mutex_);
    // An open loop that is late still sends what was due before the end.
    if (std::min(now, time) >= recorder_.end()) over_ = true;
  }
  ReportProgress(now);
}

LoadStats LoadRun::Finish() {
  while (!IsIdle()) Tick();
  absl::MutexLock lock(&mutex_);
  // A bound on requests, not on time: the last of them ends the window.
  recorder_.CloseWindow(options_.requests > 0 && admitted_ == options_.requests ? last_done_ : recorder_.end());
  return recorder_.stats();
}

bool LoadRun::over() const {
  absl::MutexLock lock(&mutex_);
  return over_;
}

int64_t LoadRun::in_flight() const {
  absl::MutexLock lock(&mutex_);
  return in_flight_;
}

bool LoadRun::IsIdle() const {
  absl::MutexLock lock(&mutex_);
  return in_flight_ == 0 && running_thens_ == 0;
}

bool LoadRun::Admit(absl::Duration due) {
  if (due >= recorder_.end()) over_ = true;
  if (over_) return false;
  if (recorder_.Measures(due) && ++admitted_ == options_.requests) over_ = true;
  return true;
}

const PreparedRequest& LoadRun::NextRequest() {
  if (order_.empty()) {
    order_.resize(pool_.size());
    std::iota(order_.begin(), order_.end(), 0);
    random_.Shuffle(&order_);
  }
  const size_t next = order_.back();
  order_.pop_back();
  return pool_[next];
}

void LoadRun::OnDone(const PreparedRequest& request, bool measured, absl::Duration due, const RequestOutcome& outcome,
                     Then& then) {
  {
    const absl::Duration now = clock_->Now();
    absl::MutexLock lock(&mutex_);
    --in_flight_;
    if (giving_up_ && absl::IsCancelled(outcome.status)) {
      recorder_.RecordAbandoned(measured);
      return;
    }
    ++running_thens_;
    recorder_.RecordDone(request, measured, due, now, outcome);
    last_done_ = std::max(last_done_, now);
    ++progress_.finished;
    if (!outcome.status.ok()) ++progress_.failed;
  }
  then(outcome);
  absl::MutexLock lock(&mutex_);
  --running_thens_;
}

void LoadRun::HandleInterrupts(absl::Duration now) {
  const int interrupts = options_.interrupts();
  if (interrupts == 0) return;
  {
    absl::MutexLock lock(&mutex_);
    if (!over_) recorder_.CloseWindow(now);
    over_ = true;
    if (interrupts == 1 || giving_up_) return;
    giving_up_ = true;
  }
  driver_->CancelAll();
}

void LoadRun::ReportProgress(absl::Duration now) {
  if (now - last_progress_ < kProgressInterval) return;
  LoadProgress progress;
  {
    absl::MutexLock lock(&mutex_);
    std::swap(progress, progress_);
    progress.in_flight = in_flight_;
    progress.over = over_;
  }
  progress.elapsed = now;
  progress.warming_up = now < options_.warm_up;
  progress.since_last = now - last_progress_;
  last_progress_ = now;
  options_.progress(progress);
}

}  // namespace vitok
