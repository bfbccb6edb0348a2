// A clock and a server of which a test decides everything, so that runs of minutes take no time and always go the same.
#pragma once

#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "client/bench/clock.h"
#include "client/bench/load_driver.h"

namespace vitok {

// Time passes only while somebody sleeps; what was planned for that time happens then, in order. For one thread.
class SimulatedClock final : public Clock {
 public:
  absl::Duration Now() const override { return now_; }

  void SleepUntil(absl::Duration time) override {
    while (!events_.empty() && events_.begin()->first <= time) {
      auto event = events_.extract(events_.begin());
      now_ = std::max(now_, event.key());
      event.mapped()();
    }
    now_ = std::max(now_, time);
  }

  void At(absl::Duration time, std::function<void()> event) { events_.emplace(time, std::move(event)); }

  // As if the thread had been busy.
  void Pass(absl::Duration time) { now_ += time; }

 private:
  absl::Duration now_;
  std::multimap<absl::Duration, std::function<void()>> events_;
};

// A successful outcome for a request of `items` items.
inline RequestOutcome Success(size_t items = 1) {
  RequestOutcome outcome;
  outcome.reply.item_ok.assign(items, true);
  outcome.reply.tokens = static_cast<int64_t>(10 * items);
  outcome.reply.timings.compute = absl::Milliseconds(4);
  outcome.reply.timings.total = absl::Milliseconds(5);
  outcome.round_trip = absl::Milliseconds(6);
  outcome.reply_bytes = 1000;
  return outcome;
}

inline RequestOutcome Failure(absl::Status status) {
  RequestOutcome outcome;
  outcome.status = std::move(status);
  return outcome;
}

// A server that takes `service_time` for a request and works on `workers` at a time, first in, first out.
class SimulatedDriver final : public LoadDriver {
 public:
  explicit SimulatedDriver(SimulatedClock* clock) : clock_(clock) {}

  absl::Duration service_time = absl::Milliseconds(10);
  size_t workers = 1'000'000;
  std::function<RequestOutcome(const PreparedRequest&)> answer = [](const PreparedRequest& request) {
    return Success(request.item_pixels.size());
  };
  std::function<void()> on_send = [] {};

  void Connect(absl::Duration /*timeout*/) override {}

  void Send(const PreparedRequest& request, Done done) override {
    sent.push_back(&request);
    on_send();
    ++in_flight;
    most_in_flight = std::max(most_in_flight, in_flight);
    const size_t id = next_id_++;
    waiting_.emplace(id, std::pair(&request, std::move(done)));
    absl::Duration start = clock_->Now();
    if (free_at_.size() >= workers) {
      start = std::max(start, free_at_.begin()->first);
      free_at_.erase(free_at_.begin());
    }
    free_at_.emplace(start + service_time, id);
    clock_->At(start + service_time, [this, id] { Finish(id, nullptr); });
  }

  void CancelAll() override {
    const RequestOutcome cancelled = Failure(absl::CancelledError("cancelled"));
    while (!waiting_.empty()) Finish(waiting_.begin()->first, &cancelled);
  }

  std::vector<const PreparedRequest*> sent;
  int in_flight = 0;
  int most_in_flight = 0;

 private:
  void Finish(size_t id, const RequestOutcome* outcome) {
    auto call = waiting_.extract(id);
    if (call.empty()) return;  // was cancelled
    --in_flight;
    call.mapped().second(outcome != nullptr ? *outcome : answer(*call.mapped().first));
  }

  SimulatedClock* const clock_;
  size_t next_id_ = 0;
  std::map<size_t, std::pair<const PreparedRequest*, Done>> waiting_;
  std::multimap<absl::Duration, size_t> free_at_;  // when each worker that was ever needed is free
};

// A pool of requests of one item each; the i-th has i + 1 pixels and 100 bytes.
inline std::vector<PreparedRequest> SimulatedPool(int count) {
  std::vector<PreparedRequest> pool(count);
  for (int i = 0; i < count; ++i) {
    pool[i].message_bytes = 100;
    pool[i].item_pixels = {i + 1};
  }
  return pool;
}

}  // namespace vitok
