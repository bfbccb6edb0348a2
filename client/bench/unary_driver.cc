#include "client/bench/unary_driver.h"

#include <atomic>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "client/bench/load_connections.h"
#include "client/bench/request_retries.h"
#include "client/call_status.h"

namespace vitok {

class UnaryDriver::Impl {
 public:
  explicit Impl(const LoadDriverOptions& options)
      : options_(options), path_(LoadConnections::MethodPath(options.method)), connections_(options) {}

  void Connect(absl::Duration timeout) { connections_.Connect(timeout); }

  void Send(const PreparedRequest& request, Done done) {
    auto* const call = new Call(this, request, std::move(done));
    {
      absl::MutexLock lock(&mutex_);
      calls_.insert(call);
    }
    call->Start();
  }

  void CancelAll() {
    absl::MutexLock lock(&mutex_);
    for (Call* const call : calls_) call->Cancel();
  }

 private:
  // A request on its way, the tag of all its events; deletes itself at the end.
  class Call final : public QueueEvent {
   public:
    Call(Impl* driver, const PreparedRequest& request, Done done)
        : driver_(driver), request_(request), done_(std::move(done)), retries_(&driver->options_) {}

    void Start() {
      const LoadConnections& connections = driver_->connections_;
      connection_ = retries_.count() == 0 ? driver_->NextConnection() : connection_ + 1;
      const size_t index = connection_ % connections.size();
      queue_ = connections.queue(index);
      grpc::ClientContext* context = nullptr;
      {
        absl::MutexLock lock(&mutex_);
        waits_for_retry_ = false;
        reader_.reset();
        context = &context_.emplace();
        context->set_deadline(absl::ToChronoTime(retries_.deadline()));
        connections.Authorize(context);
        if (cancelled_) context->TryCancel();
      }
      sent_ = std::chrono::steady_clock::now();
      reader_ = connections.stub(index).PrepareUnaryCall(context, driver_->path_, request_.message, queue_);
      reader_->StartCall();
      // The last use of this object: OnEvent may already run.
      reader_->Finish(&reply_, &status_, static_cast<QueueEvent*>(this));
    }

    void Cancel() {
      absl::MutexLock lock(&mutex_);
      cancelled_ = true;
      if (waits_for_retry_) {
        alarm_.Cancel();
      } else if (context_) {
        context_->TryCancel();
      }
    }

    // An answer came, or it is time to send the request again.
    void OnEvent(bool /*ok*/) override {
      const auto now = std::chrono::steady_clock::now();
      if (IsRetryDue()) {
        Start();
        return;
      }
      RequestOutcome outcome;
      if (status_.ok()) {
        outcome = AnsweredOutcome(request_, SummarizeReply(reply_), static_cast<int64_t>(reply_.Length()));
      } else {
        outcome = FailedOutcome(ToAbslStatus(status_));
        if (WaitForRetry(outcome.status)) return;
      }
      outcome.round_trip = absl::FromChrono(now - sent_);
      outcome.retries = retries_.count();
      driver_->Forget(this);
      done_(outcome);
      delete this;
    }

   private:
    bool IsRetryDue() {
      absl::MutexLock lock(&mutex_);
      return waits_for_retry_;
    }

    // True if the call is to be made again; the next event says when.
    bool WaitForRetry(const absl::Status& status) {
      absl::MutexLock lock(&mutex_);
      if (cancelled_) return false;
      const std::optional<absl::Time> time = retries_.Next(status);
      if (!time) return false;
      waits_for_retry_ = true;
      alarm_.Set(queue_, absl::ToChronoTime(*time), static_cast<QueueEvent*>(this));
      return true;
    }

    Impl* const driver_;
    const PreparedRequest& request_;
    Done done_;
    size_t connection_ = 0;  // counts on over all connections; neighbours belong to different servers
    grpc::CompletionQueue* queue_ = nullptr;
    grpc::ByteBuffer reply_;
    grpc::Status status_;
    std::chrono::steady_clock::time_point sent_;
    RequestRetries retries_;

    absl::Mutex mutex_;  // Cancel runs on other threads
    bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
    bool waits_for_retry_ ABSL_GUARDED_BY(mutex_) = false;
    grpc::Alarm alarm_ ABSL_GUARDED_BY(mutex_);
    std::optional<grpc::ClientContext> context_ ABSL_GUARDED_BY(mutex_);
    std::unique_ptr<grpc::ClientAsyncResponseReader<grpc::ByteBuffer>> reader_;  // lives in memory of context_
  };

  size_t NextConnection() { return next_connection_.fetch_add(1, std::memory_order_relaxed); }

  void Forget(Call* call) {
    absl::MutexLock lock(&mutex_);
    calls_.erase(call);
  }

  const LoadDriverOptions options_;
  const std::string path_;
  std::atomic<size_t> next_connection_ = 0;

  absl::Mutex mutex_;
  absl::flat_hash_set<Call*> calls_ ABSL_GUARDED_BY(mutex_);

  LoadConnections connections_;  // last: its threads use all of the above
};

UnaryDriver::UnaryDriver(const LoadDriverOptions& options) : impl_(std::make_unique<Impl>(options)) {}

UnaryDriver::~UnaryDriver() = default;

void UnaryDriver::Connect(absl::Duration timeout) { impl_->Connect(timeout); }

void UnaryDriver::Send(const PreparedRequest& request, Done done) { impl_->Send(request, std::move(done)); }

void UnaryDriver::CancelAll() { impl_->CancelAll(); }

}  // namespace vitok
