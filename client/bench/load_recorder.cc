#include "client/bench/load_recorder.h"

#include <algorithm>

namespace vitok {

LatencyHistogram LatencyOfSuccesses(const LoadStats& stats) {
  const auto found = stats.codes.find(absl::StatusCode::kOk);
  return found == stats.codes.end() ? LatencyHistogram() : found->second.latency;
}

LatencyHistogram LatencyOfFailures(const LoadStats& stats) {
  LatencyHistogram failures;
  for (const auto& [code, of_code] : stats.codes) {
    if (code != absl::StatusCode::kOk) failures.Merge(of_code.latency);
  }
  return failures;
}

void LoadRecorder::RecordSent(absl::Duration due, absl::Duration now, int64_t in_flight) {
  stats_.most_in_flight = std::max(stats_.most_in_flight, in_flight);
  if (!Measures(due)) return;
  ++stats_.due;
  stats_.send_delay.Record(now - due);
}

void LoadRecorder::RecordNotSent(absl::Duration due) {
  if (!Measures(due)) return;
  ++stats_.due;
  ++stats_.not_sent;
}

void LoadRecorder::RecordDone(const PreparedRequest& request, bool measured, absl::Duration due, absl::Duration now,
                              const RequestOutcome& outcome) {
  if (now >= begin_ && now < end_) RecordRates(request, outcome);
  if (!measured) return;
  CodeStats& of_code = stats_.codes[outcome.status.code()];
  if (of_code.latency.count() == 0) of_code.message = std::string(outcome.status.message());
  of_code.latency.Record(now - due);
  stats_.retries += outcome.retries;
  if (outcome.unreachable) ++stats_.unreachable;
  if (!outcome.status.ok()) return;
  Timings timings = outcome.reply.timings;
  timings.round_trip = outcome.round_trip - timings.total;
  for (size_t i = 0; i < kStages.size(); ++i) stats_.stages[i].Record(timings.*kStages[i].duration);
}

void LoadRecorder::RecordAbandoned(bool measured) {
  if (measured) ++stats_.abandoned;
}

void LoadRecorder::CloseWindow(absl::Duration time) {
  end_ = std::min(end_, time);
  stats_.window = std::max(end_ - begin_, absl::ZeroDuration());
}

void LoadRecorder::RecordRates(const PreparedRequest& request, const RequestOutcome& outcome) {
  ++stats_.finished;
  if (outcome.status.ok()) ++stats_.succeeded;
  if (!outcome.unreachable) stats_.sent_bytes += request.message_bytes;
  stats_.received_bytes += outcome.reply_bytes;
  stats_.tokens += outcome.reply.tokens;
  for (size_t i = 0; i < outcome.reply.item_ok.size(); ++i) {
    if (!outcome.reply.item_ok[i]) continue;
    ++stats_.images;
    stats_.pixels += request.item_pixels[i];
  }
}

}  // namespace vitok
