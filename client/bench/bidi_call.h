// One bidirectional streaming call over a completion queue.
#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/bench/load_connections.h"

namespace vitok {

// Start once, then Write whenever there is something to write; what comes back is told to Events, one at a time on the
// thread of the queue. Thread-safe.
class BidiCall {
 public:
  class Events {
   public:
    // The first message may be written, or the last Write was taken: by gRPC, whose buffers the server's window bounds.
    virtual void OnWritable() = 0;
    virtual void OnMessage(const grpc::ByteBuffer& message) = 0;
    // The last event.
    virtual void OnEnd(const grpc::Status& status) = 0;

   protected:
    ~Events() = default;
  };

  // Over connection `connection`. `events` must live until OnEnd and may drop the call from there.
  BidiCall(const LoadConnections& connections, size_t connection, const std::string& path, Events* events);

  void Start();

  // Does nothing once the call has ended. REQUIRES: OnWritable came after the last Write.
  void Write(const grpc::ByteBuffer& message);

  // The last Write: the server may end the call. REQUIRES: as for Write.
  void WritesDone();

  // Ends the call with CANCELLED unless it ends first.
  void Cancel() { context_.TryCancel(); }

 private:
  template <void (BidiCall::*kHandler)(bool)>
  class Tag final : public QueueEvent {
   public:
    explicit Tag(BidiCall* call) : call_(call) {}
    void OnEvent(bool ok) override { (call_->*kHandler)(ok); }
    void* get() { return static_cast<QueueEvent*>(this); }

   private:
    BidiCall* const call_;
  };

  void OnStarted(bool ok);
  void OnRead(bool ok);
  void OnWritten(bool ok);
  void OnFinished(bool ok);

  Events* const events_;
  grpc::ClientContext context_;
  const std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  grpc::ByteBuffer message_;  // of OnRead
  grpc::Status status_;       // of OnFinished
  Tag<&BidiCall::OnStarted> started_{this};
  Tag<&BidiCall::OnRead> read_{this};
  Tag<&BidiCall::OnWritten> written_{this};
  Tag<&BidiCall::OnFinished> finished_{this};

  absl::Mutex mutex_;
  bool writes_ ABSL_GUARDED_BY(mutex_) = false;  // OnWritten will come
  bool over_ ABSL_GUARDED_BY(mutex_) = false;    // OnFinished came
};

}  // namespace vitok
