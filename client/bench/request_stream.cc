#include "client/bench/request_stream.h"

#include "absl/time/clock.h"
#include "client/bench/stream_message.h"
#include "client/call_status.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

// How long a server may take to end a call that has nothing more to answer.
constexpr absl::Duration kCloseTimeout = absl::Seconds(1);

}  // namespace

RequestStream::RequestStream(const LoadConnections* connections, size_t connection, std::string path, OnLeft on_left)
    : connections_(connections), connection_(connection), path_(std::move(path)), on_left_(std::move(on_left)) {}

void RequestStream::Add(std::unique_ptr<StreamedRequest> request, absl::Time time) {
  {
    absl::MutexLock lock(&mutex_);
    const uint64_t id = ++last_id_;
    Entry& entry = entries_[id];
    entry.request = std::move(request);
    if (time > absl::Now()) {
      entry.waits = true;
      entry.wake = time;
      wakes_.emplace(entry.wake, id);
    } else {
      Queue(id, &entry);
    }
    SetAlarm();
  }
  WriteNext();
}

void RequestStream::CancelAll() {
  absl::MutexLock lock(&mutex_);
  for (auto& [id, entry] : entries_) cancelled_.push_back(std::move(entry.request));
  entries_.clear();
  wakes_.clear();
  queue_.clear();
  SetAlarm();
}

void RequestStream::Close() {
  absl::MutexLock lock(&mutex_);
  closing_ = true;
  if (alarm_time_) alarm_.Cancel();
  if (!call_) return;
  if (unanswered_ == 0) {
    HalfClose();
  } else {
    call_->Cancel();
  }
}

// If it can be done now; else OnWritable does it.
void RequestStream::HalfClose() {
  if (!writable_ || half_closed_) return;
  half_closed_ = true;
  call_->WritesDone();
}

void RequestStream::WaitUntilClosed() {
  absl::MutexLock lock(&mutex_);
  const auto is_closed = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return call_ == nullptr; };
  if (mutex_.AwaitWithTimeout(absl::Condition(&is_closed), kCloseTimeout)) return;
  call_->Cancel();
  mutex_.Await(absl::Condition(&is_closed));
}

void RequestStream::OnWritable() {
  {
    absl::MutexLock lock(&mutex_);
    writable_ = true;
    if (closing_) HalfClose();
  }
  WriteNext();
}

void RequestStream::OnMessage(const grpc::ByteBuffer& message) {
  const auto now = std::chrono::steady_clock::now();
  absl::StatusOr<StreamReplySummary> reply = SummarizeStreamReply(message);
  std::unique_ptr<StreamedRequest> request;
  {
    absl::MutexLock lock(&mutex_);
    if (!reply.ok()) {  // nobody knows whose it is
      bad_reply_ = reply.status();
      call_->Cancel();
      return;
    }
    answered_ = true;
    --unanswered_;
    request = Take(reply->id);
  }
  if (!request) return;  // it was given up
  RequestOutcome outcome;
  if (reply->status.ok()) {
    outcome = AnsweredOutcome(*request->request, std::move(reply->response), static_cast<int64_t>(message.Length()));
  } else {
    outcome = FailedOutcome(reply->status);
  }
  outcome.round_trip = absl::FromChrono(now - request->sent);
  on_left_(std::move(request), reply->status, std::move(outcome));
}

void RequestStream::OnEnd(const grpc::Status& grpc_status) {
  absl::Status status = ToAbslStatus(grpc_status);
  Entries left;
  std::shared_ptr<BidiCall> call;
  {
    absl::MutexLock lock(&mutex_);
    if (!bad_reply_.ok()) status = std::exchange(bad_reply_, absl::OkStatus());
    if (status.ok()) status = absl::UnavailableError("the server ended the stream without an answer");
    std::vector<uint64_t> ids;
    for (const auto& [id, entry] : entries_) {
      // What no server saw is not lost with a stream that worked: it goes over the next one.
      if (entry.written || (!entry.waits && !answered_)) ids.push_back(id);
    }
    for (const uint64_t id : ids) left.push_back(Take(id));
    call = std::move(call_);
    call_ = nullptr;
    writable_ = answered_ = false;
    unanswered_ = 0;
  }
  Fail(std::move(left), status);
  WriteNext();
}

void RequestStream::OnAlarm() {
  Entries late, cancelled;
  {
    absl::MutexLock lock(&mutex_);
    alarm_time_.reset();
    cancelled.swap(cancelled_);
    const absl::Time now = absl::Now();
    while (!wakes_.empty() && wakes_.begin()->first <= now) {
      const uint64_t id = wakes_.begin()->second;
      Entry& entry = entries_[id];
      if (entry.waits) {
        wakes_.erase(wakes_.begin());
        Queue(id, &entry);
      } else {
        late.push_back(Take(id));
      }
    }
    SetAlarm();
  }
  Fail(std::move(cancelled), absl::CancelledError("given up"));
  Fail(std::move(late), absl::DeadlineExceededError("no answer in time"));
  WriteNext();
}

// Opens the call if something is to be written and there is none.
void RequestStream::WriteNext() {
  std::shared_ptr<BidiCall> call;
  grpc::ByteBuffer message;
  {
    absl::MutexLock lock(&mutex_);
    while (!queue_.empty() && !entries_.contains(queue_.front())) queue_.pop_front();
    if (queue_.empty()) return;
    if (!call_) {
      call_ = std::make_shared<BidiCall>(*connections_, connection_, path_, static_cast<BidiCall::Events*>(this));
      call_->Start();
      return;
    }
    if (!writable_) return;
    Entry& entry = entries_[queue_.front()];
    message = MakeStreamMessage(queue_.front(), *entry.request->request);
    queue_.pop_front();
    entry.written = true;
    writable_ = false;
    ++unanswered_;
    call = call_;
  }
  call->Write(message);
}

void RequestStream::Queue(uint64_t id, Entry* entry) {
  entry->waits = false;
  entry->wake = entry->request->retries.deadline();
  entry->request->sent = std::chrono::steady_clock::now();
  wakes_.emplace(entry->wake, id);
  queue_.push_back(id);
}

// Null if the request has left.
std::unique_ptr<StreamedRequest> RequestStream::Take(uint64_t id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return nullptr;
  std::unique_ptr<StreamedRequest> request = std::move(found->second.request);
  wakes_.erase({found->second.wake, id});
  entries_.erase(found);
  return request;
}

// For the next thing to do; one that is set too late is ended, and sets itself again.
void RequestStream::SetAlarm() {
  if (closing_ || (cancelled_.empty() && wakes_.empty())) return;
  const absl::Time time = cancelled_.empty() ? wakes_.begin()->first : absl::Now();
  if (!alarm_time_) {
    alarm_.Set(connections_->queue(connection_), absl::ToChronoTime(time), static_cast<QueueEvent*>(&alarm_event_));
  } else if (time < *alarm_time_) {
    alarm_.Cancel();
  } else {
    return;
  }
  alarm_time_ = time;
}

void RequestStream::Fail(Entries requests, const absl::Status& status) {
  const auto now = std::chrono::steady_clock::now();
  for (std::unique_ptr<StreamedRequest>& request : requests) {
    RequestOutcome outcome = FailedOutcome(status);
    outcome.round_trip = absl::FromChrono(now - request->sent);
    on_left_(std::move(request), status, std::move(outcome));
  }
}

}  // namespace vitok
