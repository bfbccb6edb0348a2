// A Tokenizer service in this process, over a unix socket in a temporary folder, whose answers a test decides.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "google/rpc/error_details.pb.h"
#include "tests/support/temp_folder.h"
#include "vitok/v1/tokenizer.grpc.pb.h"

namespace vitok {

// Answers by its handlers, which tests set before the first call; a handler that is not set fails the call with
// UNIMPLEMENTED. A stream answers its messages by the handler of calls, one after another, unless it has a handler of
// its own. Remembers when each call and each message that it answered came.
class FakeService final : public v1::Tokenizer::Service {
 public:
  using EncodeStreamOfServer = grpc::ServerReaderWriter<v1::EncodeStreamResponse, v1::EncodeStreamRequest>;

  std::function<grpc::Status(const v1::EncodeRequest&, v1::EncodeResponse&)> on_encode;
  std::function<grpc::Status(const v1::DecodeRequest&, v1::DecodeResponse&)> on_decode;
  std::function<grpc::Status(const v1::ReconstructRequest&, v1::ReconstructResponse&)> on_reconstruct;
  std::function<grpc::Status(grpc::ServerContext&, EncodeStreamOfServer&)> on_encode_stream;
  std::function<grpc::Status(v1::ListModelsResponse&)> on_list_models;
  std::function<grpc::Status(v1::GetServerInfoResponse&)> on_get_server_info;

  grpc::Status Encode(grpc::ServerContext* context, const v1::EncodeRequest* request,
                      v1::EncodeResponse* response) override {
    RecordCall();
    RecordTraceparent(*context);
    return on_encode ? on_encode(*request, *response) : Unset();
  }
  grpc::Status Decode(grpc::ServerContext* context, const v1::DecodeRequest* request,
                      v1::DecodeResponse* response) override {
    RecordCall();
    RecordTraceparent(*context);
    return on_decode ? on_decode(*request, *response) : Unset();
  }
  grpc::Status Reconstruct(grpc::ServerContext* context, const v1::ReconstructRequest* request,
                           v1::ReconstructResponse* response) override {
    RecordCall();
    RecordTraceparent(*context);
    return on_reconstruct ? on_reconstruct(*request, *response) : Unset();
  }
  grpc::Status EncodeStream(grpc::ServerContext* context, EncodeStreamOfServer* stream) override {
    RecordTraceparent(*context);
    return on_encode_stream ? on_encode_stream(*context, *stream) : AnswerAll(on_encode, *stream);
  }
  grpc::Status DecodeStream(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<v1::DecodeStreamResponse, v1::DecodeStreamRequest>* stream) override {
    return AnswerAll(on_decode, *stream);
  }
  grpc::Status ReconstructStream(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<v1::ReconstructStreamResponse, v1::ReconstructStreamRequest>* stream) override {
    return AnswerAll(on_reconstruct, *stream);
  }
  grpc::Status ListModels(grpc::ServerContext*, const v1::ListModelsRequest*,
                          v1::ListModelsResponse* response) override {
    RecordCall();
    return on_list_models ? on_list_models(*response) : Unset();
  }

  grpc::Status GetServerInfo(grpc::ServerContext*, const v1::GetServerInfoRequest*,
                             v1::GetServerInfoResponse* response) override {
    RecordCall();
    return on_get_server_info ? on_get_server_info(*response) : Unset();
  }

  std::vector<absl::Time> call_times() const {
    absl::MutexLock lock(&mutex_);
    return call_times_;
  }

  // The metadata traceparent of each Encode, Decode and Reconstruct and of each EncodeStream, "" for none.
  std::vector<std::string> traceparents() const {
    absl::MutexLock lock(&mutex_);
    return traceparents_;
  }

  // Answers the messages of a stream one after another, until the client sends no more.
  template <typename Response, typename Request>
  grpc::Status AnswerAll(
      const std::function<grpc::Status(std::decay_t<decltype(std::declval<Request>().request())> const&,
                                       std::decay_t<decltype(std::declval<Response>().response())>&)>& handler,
      grpc::ServerReaderWriter<Response, Request>& stream) {
    Request request;
    while (stream.Read(&request)) {
      RecordCall();
      Response reply;
      reply.set_id(request.id());
      const grpc::Status status = handler ? handler(request.request(), *reply.mutable_response()) : Unset();
      if (!status.ok()) {
        reply.clear_response();
        if (!reply.mutable_status()->ParseFromString(status.error_details()) || status.error_details().empty()) {
          reply.mutable_status()->set_code(status.error_code());
          reply.mutable_status()->set_message(status.error_message());
        }
      }
      stream.Write(reply);
    }
    return grpc::Status::OK;
  }

 private:
  void RecordCall() {
    absl::MutexLock lock(&mutex_);
    call_times_.push_back(absl::Now());
  }
  void RecordTraceparent(const grpc::ServerContext& context) {
    const auto found = context.client_metadata().find("traceparent");
    absl::MutexLock lock(&mutex_);
    traceparents_.push_back(
        found == context.client_metadata().end() ? "" : std::string(found->second.data(), found->second.size()));
  }
  static grpc::Status Unset() { return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "the test set no handler"); }

  mutable absl::Mutex mutex_;
  std::vector<absl::Time> call_times_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> traceparents_ ABSL_GUARDED_BY(mutex_);
};

// Serves a FakeService until it is destroyed.
class FakeServer {
 public:
  explicit FakeServer(FakeService* service) : target_("unix:" + folder_ / "socket") {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(target_, grpc::InsecureServerCredentials());
    builder.RegisterService(service);
    builder.SetMaxReceiveMessageSize(-1);
    server_ = builder.BuildAndStart();
  }
  ~FakeServer() { server_->Shutdown(); }

  const std::string& target() const { return target_; }

 private:
  TempFolder folder_;
  const std::string target_;
  std::unique_ptr<grpc::Server> server_;
};

// A gRPC error with details, as the server of ours sends it.
template <typename... Details>
grpc::Status ErrorWithDetails(grpc::StatusCode code, const std::string& message, const Details&... details) {
  google::rpc::Status status;
  status.set_code(code);
  status.set_message(message);
  (status.add_details()->PackFrom(details), ...);
  return grpc::Status(code, message, status.SerializeAsString());
}

inline google::rpc::RetryInfo RetryAfter(absl::Duration delay) {
  google::rpc::RetryInfo info;
  const int64_t nanoseconds = absl::ToInt64Nanoseconds(delay);
  info.mutable_retry_delay()->set_seconds(nanoseconds / 1'000'000'000);
  info.mutable_retry_delay()->set_nanos(static_cast<int32_t>(nanoseconds % 1'000'000'000));
  return info;
}

}  // namespace vitok
