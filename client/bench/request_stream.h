// Requests over one stream.
#pragma once

#include <grpcpp/alarm.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/bench/bidi_call.h"
#include "client/bench/load_connections.h"
#include "client/bench/load_driver.h"
#include "client/bench/reply_summary.h"
#include "client/bench/request_retries.h"

namespace vitok {

// A request on its way over one stream after another.
struct StreamedRequest {
  const PreparedRequest* request;
  LoadDriver::Done done;
  RequestRetries retries;
  int64_t cancellations = 0;                   // that the driver had seen when it was sent
  std::chrono::steady_clock::time_point sent;  // to the stream it is in
};

// A stream that is opened by its first request, and anew by the next one after it ended. Messages are written one at a
// time, each when gRPC has taken the last; those that wait are bounded by what the caller has under way. Thread-safe.
class RequestStream final : private BidiCall::Events {
 public:
  // Told of each request that left the stream: with the status of its call and, if that is OK, its outcome. Runs on the
  // stream's queue and may call Add.
  using OnLeft = std::function<void(std::unique_ptr<StreamedRequest>, const absl::Status&, RequestOutcome)>;

  // `connections` must outlive the stream's last event (LoadConnections::Shutdown).
  RequestStream(const LoadConnections* connections, size_t connection, std::string path, OnLeft on_left);

  // Sends the request, but not before `time`. It leaves with DEADLINE_EXCEEDED when its time is over, and with the
  // status of the stream if that ends.
  void Add(std::unique_ptr<StreamedRequest> request, absl::Time time);

  // Lets all requests leave with CANCELLED.
  void CancelAll();

  // Ends the call, in peace unless an answer is missing; WaitUntilClosed returns when it has. REQUIRES: no request is
  // in the stream, and none will be.
  void Close();
  void WaitUntilClosed();

 private:
  struct Entry {
    std::unique_ptr<StreamedRequest> request;
    absl::Time wake;       // when it is to be sent or, if that was done, its deadline
    bool waits = false;    // for the time to be sent
    bool written = false;  // or being written
  };
  using Entries = std::vector<std::unique_ptr<StreamedRequest>>;

  void OnWritable() override;
  void OnMessage(const grpc::ByteBuffer& message) override;
  void OnEnd(const grpc::Status& status) override;
  void OnAlarm();

  void WriteNext();
  void Queue(uint64_t id, Entry* entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::unique_ptr<StreamedRequest> Take(uint64_t id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetAlarm() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void HalfClose() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Fail(Entries requests, const absl::Status& status);

  class AlarmEvent final : public QueueEvent {
   public:
    explicit AlarmEvent(RequestStream* stream) : stream_(stream) {}
    void OnEvent(bool /*ok*/) override { stream_->OnAlarm(); }

   private:
    RequestStream* const stream_;
  };

  const LoadConnections* const connections_;  // not owned
  const size_t connection_;
  const std::string path_;
  const OnLeft on_left_;

  absl::Mutex mutex_;
  uint64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<uint64_t, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::set<std::pair<absl::Time, uint64_t>> wakes_ ABSL_GUARDED_BY(mutex_);  // of the entries
  std::deque<uint64_t> queue_ ABSL_GUARDED_BY(mutex_);                       // to be written; some may have left
  Entries cancelled_ ABSL_GUARDED_BY(mutex_);                                // leave at the next alarm
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  bool half_closed_ ABSL_GUARDED_BY(mutex_) = false;

  std::shared_ptr<BidiCall> call_ ABSL_GUARDED_BY(mutex_);
  bool writable_ ABSL_GUARDED_BY(mutex_) = false;
  bool answered_ ABSL_GUARDED_BY(mutex_) = false;   // call_ did any request
  int64_t unanswered_ ABSL_GUARDED_BY(mutex_) = 0;  // messages of call_
  absl::Status bad_reply_ ABSL_GUARDED_BY(mutex_);  // for which call_ was cancelled

  grpc::Alarm alarm_ ABSL_GUARDED_BY(mutex_);
  AlarmEvent alarm_event_{this};
  std::optional<absl::Time> alarm_time_ ABSL_GUARDED_BY(mutex_);  // nullopt: not set
};

}  // namespace vitok
