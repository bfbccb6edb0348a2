#include "client/bench/stream_driver.h"

#include <atomic>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/bench/load_connections.h"
#include "client/bench/request_stream.h"

namespace vitok {

class StreamDriver::Impl {
 public:
  Impl(const LoadDriverOptions& options, int streams) : options_(options), connections_(options) {
    const std::string path = LoadConnections::MethodPath(options.method, "Stream");
    for (size_t i = 0; i < static_cast<size_t>(streams); ++i) {
      streams_.push_back(std::make_unique<RequestStream>(
          &connections_, i % connections_.size(), path,
          [this, i](std::unique_ptr<StreamedRequest> request, const absl::Status& status, RequestOutcome outcome) {
            OnLeft(i, std::move(request), status, std::move(outcome));
          }));
    }
  }

  ~Impl() {
    for (const auto& stream : streams_) stream->Close();
    for (const auto& stream : streams_) stream->WaitUntilClosed();
    connections_.Shutdown();
  }

  void Connect(absl::Duration timeout) { connections_.Connect(timeout); }

  void Send(const PreparedRequest& request, Done done) {
    auto streamed = std::make_unique<StreamedRequest>(
        StreamedRequest{.request = &request, .done = std::move(done), .retries = RequestRetries(&options_)});
    streamed->cancellations = cancellations_.load();
    streams_[next_stream_.fetch_add(1, std::memory_order_relaxed) % streams_.size()]->Add(std::move(streamed),
                                                                                          absl::InfinitePast());
  }

  void CancelAll() {
    absl::MutexLock lock(&moves_mutex_);
    ++cancellations_;
    for (const auto& stream : streams_) stream->CancelAll();
  }

 private:
  void OnLeft(size_t stream, std::unique_ptr<StreamedRequest> request, const absl::Status& status,
              RequestOutcome outcome) {
    if (!status.ok() && SendAgain(stream, &request, status)) return;
    outcome.retries = request->retries.count();
    request->done(outcome);
  }

  // False if the request has come to its end.
  bool SendAgain(size_t stream, std::unique_ptr<StreamedRequest>* request, const absl::Status& status) {
    absl::MutexLock lock(&moves_mutex_);
    if ((*request)->cancellations != cancellations_) return false;
    const std::optional<absl::Time> time = (*request)->retries.Next(status);
    if (!time) return false;
    streams_[NextStream(stream)]->Add(std::move(*request), *time);
    return true;
  }

  // The next one that leads to the next server.
  size_t NextStream(size_t stream) const {
    const size_t servers = options_.servers.size();
    size_t next = stream;
    do {
      next = (next + 1) % streams_.size();
    } while (next % servers != (stream + 1) % servers);
    return next;
  }

  const LoadDriverOptions options_;
  std::atomic<size_t> next_stream_ = 0;
  LoadConnections connections_;
  std::vector<std::unique_ptr<RequestStream>> streams_;

  absl::Mutex moves_mutex_;                 // so that CancelAll misses no request between two streams
  std::atomic<int64_t> cancellations_ = 0;  // changes under moves_mutex_
};

StreamDriver::StreamDriver(const LoadDriverOptions& options, int streams)
    : impl_(std::make_unique<Impl>(options, streams)) {}

StreamDriver::~StreamDriver() = default;

void StreamDriver::Connect(absl::Duration timeout) { impl_->Connect(timeout); }

void StreamDriver::Send(const PreparedRequest& request, Done done) { impl_->Send(request, std::move(done)); }

void StreamDriver::CancelAll() { impl_->CancelAll(); }

}  // namespace vitok
