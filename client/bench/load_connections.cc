#include "client/bench/load_connections.h"

#include "absl/time/clock.h"
#include "client/channel.h"
#include "core/base/str_cat.h"
#include "vitok/v1/tokenizer.grpc.pb.h"

namespace vitok {
namespace {

constexpr int64_t kMaxReplyBytes = int64_t{1} << 31;

void RunQueue(grpc::CompletionQueue& queue) {
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) static_cast<QueueEvent*>(tag)->OnEvent(ok);
}

}  // namespace

LoadConnections::LoadConnections(const LoadDriverOptions& options) : token_(options.token) {
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

LoadConnections::~LoadConnections() { Shutdown(); }

void LoadConnections::Connect(absl::Duration timeout) {
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

void LoadConnections::Shutdown() {
  if (threads_.empty()) return;
  for (const auto& queue : queues_) queue->Shutdown();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

std::string LoadConnections::MethodPath(BenchMethod method, const std::string& suffix) {
  const std::string service = StrCat("/", v1::Tokenizer::service_full_name(), "/");
  switch (method) {
    case BenchMethod::kEncode: return service + "Encode" + suffix;
    case BenchMethod::kDecode: return service + "Decode" + suffix;
    case BenchMethod::kReconstruct: return service + "Reconstruct" + suffix;
  }
  return service;
}

void LoadConnections::Authorize(grpc::ClientContext* context) const {
  if (!token_.empty()) context->AddMetadata("authorization", "Bearer " + token_);
}

}  // namespace vitok
