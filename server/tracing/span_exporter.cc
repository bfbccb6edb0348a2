#include "server/tracing/span_exporter.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <utility>

#include "absl/random/random.h"
#include "absl/time/clock.h"
#include "core/base/log.h"
#include "core/base/named_thread.h"
#include "core/base/status_macros.h"

namespace vitok {
namespace {

// A collector that closes the connection must not end the process: the HTTP library writes without MSG_NOSIGNAL.
void IgnoreBrokenPipesHere() {
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
}

// So that many servers do not come back all at once.
absl::Duration Jittered(absl::Duration pause) {
  absl::InsecureBitGen generator;
  return pause * absl::Uniform(generator, 0.75, 1.25);
}

}  // namespace

absl::StatusOr<std::unique_ptr<SpanExporter>> SpanExporter::Create(Options options, TraceResource resource,
                                                                   SpanCounters counters) {
  VITOK_ASSIGN_OR_RETURN(const ListenAddress collector, ParseCollector(options.endpoint));
  return std::unique_ptr<SpanExporter>(
      new SpanExporter(std::move(options), collector, std::move(resource), std::move(counters)));
}

SpanExporter::SpanExporter(Options options, const ListenAddress& collector, TraceResource resource,
                           SpanCounters counters)
    : options_(std::move(options)),
      resource_(std::move(resource)),
      counters_(std::move(counters)),
      client_(collector),
      queue_(options_.queue_spans, options_.max_delay),
      thread_(NamedThread("vitok-spans", [this] { Run(); })) {}

SpanExporter::~SpanExporter() {
  {
    absl::MutexLock lock(&mutex_);
    end_ = absl::Now() + options_.flush;
  }
  queue_.Shutdown();
  if (!ended_.WaitForNotificationWithTimeout(options_.flush)) client_.Stop();
  thread_.join();
}

void SpanExporter::Export(std::unique_ptr<SpanSource> source) {
  if (const size_t lost = queue_.Push(std::move(source)); lost > 0) counters_.dropped(static_cast<int64_t>(lost));
}

void SpanExporter::Run() {
  IgnoreBrokenPipesHere();
  while (true) {
    const std::vector<std::unique_ptr<SpanSource>> sources = queue_.Take();
    if (sources.empty()) break;
    Send(sources);
  }
  ended_.Notify();
}

void SpanExporter::Send(const std::vector<std::unique_ptr<SpanSource>>& sources) {
  std::vector<Span> spans;
  for (const std::unique_ptr<SpanSource>& source : sources) source->AppendSpans(spans);
  const auto all = static_cast<int64_t>(spans.size());
  const OtlpOutcome outcome =
      TimeLeft() > absl::ZeroDuration()
          ? Deliver(ToOtlpJson(resource_, spans))
          : OtlpOutcome{.kind = OtlpOutcome::Kind::kRefused, .problem = "the server ended before they were sent"};
  LogChange(outcome);
  const int64_t taken =
      outcome.kind == OtlpOutcome::Kind::kTaken ? std::max<int64_t>(0, all - outcome.rejected_spans) : 0;
  if (taken > 0) counters_.exported(taken);
  if (taken < all) counters_.dropped(all - taken);
}

OtlpOutcome SpanExporter::Deliver(const std::string& json) {
  absl::Duration pause = options_.first_pause;
  for (int attempt = 1;; ++attempt, pause *= 2) {
    OtlpOutcome outcome = client_.Post(json, std::min(options_.timeout, TimeLeft()));
    if (outcome.kind != OtlpOutcome::Kind::kRetry || attempt == kMaxAttempts) return outcome;
    if (!Pause(std::max(outcome.retry_after, Jittered(pause)))) return outcome;
  }
}

void SpanExporter::LogChange(const OtlpOutcome& outcome) {
  const bool failing = outcome.kind != OtlpOutcome::Kind::kTaken;
  if (failing == std::exchange(failing_, failing)) return;
  if (failing) {
    LogEvent(spdlog::level::warn, "trace collector does not take spans; they are dropped until it does",
             {{{"endpoint", options_.endpoint}, {"problem", outcome.problem}}});
  } else {
    LogEvent(spdlog::level::info, "trace collector takes spans again", {{{"endpoint", options_.endpoint}}});
  }
}

bool SpanExporter::Pause(absl::Duration duration) {
  absl::MutexLock lock(&mutex_);
  if (end_ != absl::InfiniteFuture()) return false;
  const auto ending = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return end_ != absl::InfiniteFuture(); };
  mutex_.AwaitWithTimeout(absl::Condition(&ending), duration);
  return true;
}

absl::Duration SpanExporter::TimeLeft() const {
  absl::MutexLock lock(&mutex_);
  return end_ - absl::Now();
}

}  // namespace vitok
