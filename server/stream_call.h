// One EncodeStream, DecodeStream or ReconstructStream call.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "server/item_call.h"
#include "server/service_context.h"

namespace vitok {

// Each message becomes an ItemCall of its own; replies go out in the order in which they are done. No more messages are
// read while limits.max_stream_requests of them are in work or have replies that the client did not take yet, so a slow
// reader costs bounded memory and slows down only itself.
//
// Ends OK when the client has sent all and has been answered; INVALID_ARGUMENT for a message without the form of an
// envelope; UNAVAILABLE (DRAINING) when the server shuts down, after what was read has been answered; CANCELLED when
// the client gave up, or did not take a reply for connections.stall_timeout_s. Owns itself until gRPC calls OnDone,
// together with the calls and jobs that it waits for.
class StreamCall final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                         public std::enable_shared_from_this<StreamCall> {
 public:
  static StreamCall* Start(const ServiceContext& context, TokenizerOp op, grpc::CallbackServerContext* rpc);

 private:
  enum class Step { kNone, kRead, kWrite, kFinish };

  struct Reply {
    grpc::ByteBuffer bytes;
    CallEnd end;  // held until the reply has left
  };

  StreamCall(const ServiceContext& context, TokenizerOp op, grpc::CallbackServerContext* rpc);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void StartCall(const grpc::ByteBuffer& message);
  void OnCallEnd(uint64_t number, uint64_t id, CallEnd end);
  // Takes no more messages, and ends with `status` when what was read has been answered. The first call decides.
  void End(absl::Status status);

  // Does whatever can be done next, one thread at a time: reads, writes and the end never overlap.
  void Advance();
  void Log();
  Step NextStep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const ServiceContext& context_;
  const TokenizerOp op_;
  grpc::CallbackServerContext* const rpc_;
  const Caller caller_;
  std::shared_ptr<StreamCall> self_;  // until OnDone
  const absl::Time opened_;
  uint64_t drain_watch_ = 0;
  uint64_t send_watch_ = 0;
  grpc::ByteBuffer incoming_;  // gRPC's while reading_
  uint64_t last_number_ = 0;   // of the calls; used while nothing is read

  absl::Mutex mutex_;
  bool advancing_ ABSL_GUARDED_BY(mutex_) = false;  // some thread is in Advance
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;  // no more messages are taken
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);                                  // of the stream, once ended_
  std::map<uint64_t, std::shared_ptr<ItemCall>> calls_ ABSL_GUARDED_BY(mutex_);  // in work
  std::deque<Reply> replies_ ABSL_GUARDED_BY(mutex_);  // the first one is being written while writing_
};

}  // namespace vitok
