// The load generator's connections and the threads that wait for what happens on them.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "client/bench/load_driver_options.h"

namespace vitok {

// Something under way in gRPC: the tag of an operation on a queue of LoadConnections.
class QueueEvent {
 public:
  // Runs on the thread of the queue. `ok`: as CompletionQueue::Next says.
  virtual void OnEvent(bool ok) = 0;

 protected:
  ~QueueEvent() = default;
};

// Those of all servers in turn, then again from the first: connections i and i + 1 lead to different servers, if there
// are several. They are shared out over the threads, so that all events of one come to one thread. Thread-safe.
class LoadConnections {
 public:
  explicit LoadConnections(const LoadDriverOptions& options);
  ~LoadConnections();

  // Makes them. Returns when each is made or has failed, or after `timeout`.
  void Connect(absl::Duration timeout);

  // Returns after the last event, when the threads have ended. REQUIRES: nothing new is put on a queue.
  void Shutdown();

  size_t size() const { return channels_.size(); }
  grpc::GenericStub& stub(size_t i) const { return *stubs_[i]; }
  grpc::CompletionQueue* queue(size_t i) const { return queues_[i % queues_.size()].get(); }

  // "/vitok.v1.Tokenizer/" + what it is called there, with `suffix`: "Encode", "EncodeStream".
  static std::string MethodPath(BenchMethod method, const std::string& suffix = "");

  // Shows the token to the server.
  void Authorize(grpc::ClientContext* context) const;

 private:
  const std::string token_;
  std::vector<std::unique_ptr<grpc::CompletionQueue>> queues_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;  // of the channels
  std::vector<std::thread> threads_;                       // of the queues
};

}  // namespace vitok
