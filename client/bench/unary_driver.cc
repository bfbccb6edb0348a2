#include "client/bench/unary_driver.h"

#include <grpcpp/alarm.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/call_status.h"
#include "client/channel.h"
#include "core/base/str_cat.h"
#include "vitok/v1/tokenizer.grpc.pb.h"

namespace vitok {
namespace {

constexpr int64_t kMaxReplyBytes = int64_t{1} << 31;

std::string MethodPath(BenchMethod method) {
  const std::string service = StrCat("/", v1::Tokenizer::service_full_name(), "/");
  switch (method) {
    case BenchMethod::kEncode: return service + "Encode";
    case BenchMethod::kDecode: return service + "Decode";
    case BenchMethod::kReconstruct: return service + "Reconstruct";
  }
  return service;
}

RequestOutcome OutcomeOf(const PreparedRequest& request, const grpc::Status& status, const grpc::ByteBuffer& reply) {
  RequestOutcome outcome;
  outcome.status = ToAbslStatus(status);
  outcome.unreachable = IsUnreachable(outcome.status);
  if (!status.ok()) return outcome;
  outcome.reply_bytes = static_cast<int64_t>(reply.Length());
  absl::StatusOr<ReplySummary> summary = SummarizeReply(reply);
  if (!summary.ok()) {
    outcome.status = summary.status();
  } else if (summary->item_ok.size() != request.item_pixels.size()) {
    outcome.status = absl::InternalError(StrCat("the server's reply is malformed: ", summary->item_ok.size(),
                                                " results for ", request.item_pixels.size(), " items"));
  } else {
    outcome.reply = *std::move(summary);
    outcome.status = outcome.reply.first_error;
  }
  return outcome;
}

}  // namespace

class UnaryDriver::Impl {
 public:
  explicit Impl(const UnaryDriverOptions& options) : options_(options), path_(MethodPath(options.method)) {
    for (int i = 0; i < options.threads; ++i) queues_.push_back(std::make_unique<grpc::CompletionQueue>());
    for (int i = 0; i < options.connections; ++i) {
      for (const std::string& server : options.servers) {
        channels_.push_back(
            MakeChannel(server, {.max_message_bytes = kMaxReplyBytes, .own_connection = true, .tls = options.tls}));
        stubs_.push_back(std::make_unique<grpc::GenericStub>(channels_.back()));
      }
    }
    for (const auto& queue : queues_) threads_.emplace_back([&queue = *queue] { RunQueue(queue); });
  }

  ~Impl() {
    for (const auto& queue : queues_) queue->Shutdown();
    for (std::thread& thread : threads_) thread.join();
  }

  void Connect(absl::Duration timeout) {
    const auto deadline = absl::ToChronoTime(absl::Now() + timeout);
    for (const auto& channel : channels_) channel->GetState(/*try_to_connect=*/true);
    for (const auto& channel : channels_) {
      grpc_connectivity_state state = channel->GetState(/*try_to_connect=*/true);
      while (state != GRPC_CHANNEL_READY && state != GRPC_CHANNEL_TRANSIENT_FAILURE) {
        if (!channel->WaitForStateChange(state, deadline)) return;
        state = channel->GetState(/*try_to_connect=*/true);
      }
    }
  }

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
  class Call {
   public:
    Call(Impl* driver, const PreparedRequest& request, Done done)
        : driver_(driver),
          request_(request),
          done_(std::move(done)),
          deadline_(absl::Now() + driver->options_.deadline) {}

    void Start() {
      connection_ = retries_ == 0 ? driver_->NextConnection() : connection_ + 1;
      const size_t index = connection_ % driver_->stubs_.size();
      // Connections are shared out over the threads, so that all events of one come to one thread.
      queue_ = driver_->queues_[index % driver_->queues_.size()].get();
      grpc::ClientContext* context = nullptr;
      {
        absl::MutexLock lock(&mutex_);
        waits_for_retry_ = false;
        reader_.reset();
        context = &context_.emplace();
        context->set_deadline(absl::ToChronoTime(deadline_));
        const std::string& token = driver_->options_.token;
        if (!token.empty()) context->AddMetadata("authorization", "Bearer " + token);
        if (cancelled_) context->TryCancel();
      }
      sent_ = std::chrono::steady_clock::now();
      reader_ = driver_->stubs_[index]->PrepareUnaryCall(context, driver_->path_, request_.message, queue_);
      reader_->StartCall();
      reader_->Finish(&reply_, &status_, this);  // the last use of this object: OnEvent may already run
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
    void OnEvent() {
      const auto now = std::chrono::steady_clock::now();
      if (IsRetryDue()) {
        Start();
        return;
      }
      RequestOutcome outcome = OutcomeOf(request_, status_, reply_);
      if (!status_.ok() && WaitForRetry(outcome.status)) return;
      outcome.round_trip = absl::FromChrono(now - sent_);
      outcome.retries = retries_;
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
      if (!driver_->options_.retry) return false;
      std::optional<absl::Duration> delay = RetryDelay(status);
      const bool unanswered = absl::IsUnavailable(status) || absl::IsCancelled(status);
      if (!delay && unanswered && ++servers_tried_ < driver_->options_.servers.size()) delay = absl::ZeroDuration();
      const absl::Time now = absl::Now();
      if (!delay || now + *delay >= deadline_) return false;
      absl::MutexLock lock(&mutex_);
      if (cancelled_) return false;
      ++retries_;
      waits_for_retry_ = true;
      alarm_.Set(queue_, absl::ToChronoTime(now + *delay), this);
      return true;
    }

    Impl* const driver_;
    const PreparedRequest& request_;
    Done done_;
    const absl::Time deadline_;
    size_t connection_ = 0;  // counts on over all connections; neighbours belong to different servers
    grpc::CompletionQueue* queue_ = nullptr;
    grpc::ByteBuffer reply_;
    grpc::Status status_;
    std::chrono::steady_clock::time_point sent_;
    int retries_ = 0;
    size_t servers_tried_ = 0;

    absl::Mutex mutex_;  // Cancel runs on other threads
    bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
    bool waits_for_retry_ ABSL_GUARDED_BY(mutex_) = false;
    grpc::Alarm alarm_ ABSL_GUARDED_BY(mutex_);
    std::optional<grpc::ClientContext> context_ ABSL_GUARDED_BY(mutex_);
    std::unique_ptr<grpc::ClientAsyncResponseReader<grpc::ByteBuffer>> reader_;  // lives in memory of context_
  };

  size_t NextConnection() { return next_connection_.fetch_add(1, std::memory_order_relaxed); }

  static void RunQueue(grpc::CompletionQueue& queue) {
    void* tag = nullptr;
    bool ok = false;
    while (queue.Next(&tag, &ok)) static_cast<Call*>(tag)->OnEvent();
  }

  void Forget(Call* call) {
    absl::MutexLock lock(&mutex_);
    calls_.erase(call);
  }

  const UnaryDriverOptions options_;
  const std::string path_;
  std::vector<std::unique_ptr<grpc::CompletionQueue>> queues_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;  // of the channels
  std::atomic<size_t> next_connection_ = 0;

  absl::Mutex mutex_;
  absl::flat_hash_set<Call*> calls_ ABSL_GUARDED_BY(mutex_);

  std::vector<std::thread> threads_;
};

UnaryDriver::UnaryDriver(const UnaryDriverOptions& options) : impl_(std::make_unique<Impl>(options)) {}

UnaryDriver::~UnaryDriver() = default;

void UnaryDriver::Connect(absl::Duration timeout) { impl_->Connect(timeout); }

void UnaryDriver::Send(const PreparedRequest& request, Done done) { impl_->Send(request, std::move(done)); }

void UnaryDriver::CancelAll() { impl_->CancelAll(); }

}  // namespace vitok
