// TokenizerStream over gRPC, one implementation for the three methods.
#pragma once

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/call_error.h"
#include "client/call_status.h"
#include "client/tokenizer_stream.h"
#include "client/wire_format.h"
#include "core/base/str_cat.h"

namespace vitok {

struct GrpcStreamOptions {
  StreamOptions stream;
  bool retry = true;  // as TokenizerClientOptions has it
  CallSite site;
};

// One thread writes and one reads, so that a server that takes nothing does not keep its answers from being read.
// `Request` and `Response` are the messages of the stream.
template <typename Input, typename Result, typename Params, typename Request, typename Response>
class GrpcStream final : public TokenizerStream<Input, Result> {
 public:
  using typename TokenizerStream<Input, Result>::OnResult;
  using Call = grpc::ClientReaderWriter<Request, Response>;

  // `open` starts the call with a context that is ready for it.
  template <typename Open>
  GrpcStream(GrpcStreamOptions options, Params params, OnResult on_result, std::unique_ptr<grpc::ClientContext> context,
             const Open& open)
      : options_(std::move(options)),
        params_(std::move(params)),
        on_result_(std::move(on_result)),
        deadline_(absl::Now() + options_.stream.deadline),
        context_(std::move(context)) {
    if (deadline_ != absl::InfiniteFuture()) context_->set_deadline(absl::ToChronoTime(deadline_));
    call_ = open(context_.get());
    reader_ = std::thread([this] { ReadAll(); });
    writer_ = std::thread([this] { WriteAll(); });
  }

  ~GrpcStream() override {
    Cancel();
    reader_.join();
    writer_.join();
  }

  absl::Status Send(uint64_t id, Input input) override {
    std::vector<Input> items;
    items.push_back(std::move(input));
    auto message = std::make_shared<Request>();
    message->set_id(id);
    *message->mutable_request() = ToWire(std::move(items), params_);

    absl::MutexLock lock(&mutex_);
    const auto has_room = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return ended_ || finishing_ || items_.size() < static_cast<size_t>(options_.stream.max_in_flight);
    };
    mutex_.Await(absl::Condition(&has_room));
    if (finishing_) return absl::FailedPreconditionError("the stream takes no items after Finish");
    if (ended_) return status_.ok() ? Ended() : status_;
    if (!items_.try_emplace(id, Item{std::move(message), absl::Now()}).second) {
      return absl::InvalidArgumentError(StrCat("item ", id, " is unanswered; ids must differ"));
    }
    to_write_.emplace(absl::InfinitePast(), id);
    return absl::OkStatus();
  }

  absl::Status Finish() override {
    absl::MutexLock lock(&mutex_);
    finishing_ = true;
    mutex_.Await(absl::Condition(&all_told_));
    return status_;
  }

  void Cancel() override {
    absl::MutexLock lock(&mutex_);
    if (ended_) return;
    if (broken_.ok()) broken_ = absl::CancelledError("the stream was cancelled");
    context_->TryCancel();
  }

 private:
  struct Item {
    std::shared_ptr<const Request> message;  // null once written, if it is not to be written again
    absl::Time sent;
  };

  void WriteAll() {
    while (const std::shared_ptr<const Request> message = NextMessage()) {
      if (!call_->Write(*message)) return;  // the call has ended, which the reader learns
    }
    if (!has_ended()) call_->WritesDone();
  }

  bool has_ended() {
    absl::MutexLock lock(&mutex_);
    return ended_;
  }

  // Waits for something to write. Null if there will be nothing more.
  std::shared_ptr<const Request> NextMessage() {
    absl::MutexLock lock(&mutex_);
    while (true) {
      if (ended_ || (finishing_ && items_.empty())) return nullptr;
      const absl::Time due = to_write_.empty() ? absl::InfiniteFuture() : to_write_.begin()->first;
      if (due <= absl::Now()) {
        const auto item = items_.find(to_write_.begin()->second);
        to_write_.erase(to_write_.begin());
        if (item == items_.end()) continue;  // a server that answers before it is asked
        return options_.retry ? item->second.message : std::move(item->second.message);
      }
      const auto has_changed = [this, due]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return ended_ || (finishing_ && items_.empty()) || (!to_write_.empty() && to_write_.begin()->first < due);
      };
      mutex_.AwaitWithDeadline(absl::Condition(&has_changed), due);
    }
  }

  void ReadAll() {
    Response reply;
    while (call_->Read(&reply)) OnReply(std::move(reply));
    const grpc::Status end = call_->Finish();
    absl::flat_hash_map<uint64_t, Item> unanswered;
    absl::Status status;
    {
      absl::MutexLock lock(&mutex_);
      unanswered.swap(items_);
      to_write_.clear();
      if (!broken_.ok()) {
        status_ = broken_;
      } else if (!end.ok()) {
        status_ = ExplainCallError(ToAbslStatus(end), options_.site);
      } else if (!unanswered.empty()) {
        status_ = Ended();
      }
      status = status_;
      ended_ = true;
      context_->TryCancel();  // a Write that is under way
    }
    for (const auto& [id, item] : unanswered) on_result_(id, status);
    absl::MutexLock lock(&mutex_);
    all_told_ = true;
  }

  void OnReply(Response&& reply) {
    const absl::Status status = ToAbslStatus(reply.status());
    absl::Duration round_trip;
    {
      absl::MutexLock lock(&mutex_);
      const auto item = items_.find(reply.id());
      if (item == items_.end()) {
        broken_ = absl::InternalError(
            StrCat("the server's reply is malformed: item ", reply.id(), " was answered and not asked"));
        context_->TryCancel();
        return;
      }
      const absl::Time now = absl::Now();
      const std::optional<absl::Duration> delay = options_.retry ? RetryDelay(status) : std::nullopt;
      if (delay && now + *delay < deadline_) {
        to_write_.emplace(now + *delay, reply.id());
        return;
      }
      round_trip = now - item->second.sent;
      items_.erase(item);
    }
    on_result_(reply.id(), ToResult(std::move(reply), status, round_trip));
  }

  static absl::StatusOr<Result> ToResult(Response&& reply, const absl::Status& status, absl::Duration round_trip) {
    if (!status.ok()) return status;
    auto& results = *reply.mutable_response()->mutable_results();
    if (results.size() != 1) {
      return absl::InternalError(StrCat("the server's reply is malformed: ", results.size(), " results for 1 items"));
    }
    absl::StatusOr<Result> result = FromWire(std::move(results[0]));
    if (result.ok()) result->timings.round_trip = round_trip;
    return result;
  }

  absl::Status Ended() const {
    return absl::UnavailableError(StrCat("the server at ", options_.site.target, " ended the stream"));
  }

  const GrpcStreamOptions options_;
  const Params params_;
  const OnResult on_result_;
  const absl::Time deadline_;
  const std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<Call> call_;

  absl::Mutex mutex_;
  absl::flat_hash_map<uint64_t, Item> items_ ABSL_GUARDED_BY(mutex_);     // unanswered
  std::multimap<absl::Time, uint64_t> to_write_ ABSL_GUARDED_BY(mutex_);  // and when; of items_
  absl::Status broken_ ABSL_GUARDED_BY(mutex_);                           // why this side ended the call
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;     // with status_
  bool all_told_ ABSL_GUARDED_BY(mutex_) = false;  // on_result_ will not be called again
  absl::Status status_ ABSL_GUARDED_BY(mutex_);

  std::thread reader_;
  std::thread writer_;
};

}  // namespace vitok
