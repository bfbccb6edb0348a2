#include "client/tokenizer_client.h"

#include <grpcpp/grpcpp.h>

#include <optional>
#include <string_view>
#include <utility>

#include "client/call_error.h"
#include "client/call_status.h"
#include "client/channel.h"
#include "client/credentials.h"
#include "client/grpc_stream.h"
#include "client/traceparent.h"
#include "client/wire_format.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "vitok/v1/tokenizer.grpc.pb.h"

namespace vitok {
namespace {

absl::Status CheckOptions(const TokenizerClientOptions& options) {
  if (options.deadline <= absl::ZeroDuration() || options.deadline == absl::InfiniteDuration()) {
    return absl::InvalidArgumentError(
        StrCat("deadline must be positive and finite; was ", absl::FormatDuration(options.deadline)));
  }
  if (options.connect_timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        StrCat("connect_timeout must be positive; was ", absl::FormatDuration(options.connect_timeout)));
  }
  if (options.max_message_bytes <= 0) {
    return absl::InvalidArgumentError(StrCat("max_message_bytes must be positive; was ", options.max_message_bytes));
  }
  return absl::OkStatus();
}

absl::Status CheckOptions(const StreamOptions& options) {
  if (options.max_in_flight <= 0) {
    return absl::InvalidArgumentError(StrCat("max_in_flight must be positive; was ", options.max_in_flight));
  }
  if (options.deadline <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        StrCat("deadline of the stream must be positive; was ", absl::FormatDuration(options.deadline)));
  }
  return absl::OkStatus();
}

template <typename Result, typename Response>
absl::StatusOr<BatchResult<Result>> ToBatch(Response&& response, size_t num_items, absl::Duration round_trip) {
  if (response.results_size() != num_items) {
    return absl::InternalError(
        StrCat("the server's reply is malformed: ", response.results_size(), " results for ", num_items, " items"));
  }
  BatchResult<Result> batch;
  batch.model = response.model();
  batch.timings = FromWire(response.timings());
  batch.timings.round_trip = round_trip;
  for (auto& item : *response.mutable_results()) {
    batch.items.push_back(FromWire(std::move(item)));
    if (batch.items.back().ok()) batch.items.back()->timings.round_trip = round_trip;
  }
  return batch;
}

template <typename Result>
absl::StatusOr<Result> OnlyItem(absl::StatusOr<BatchResult<Result>> batch) {
  if (!batch.ok()) return batch.status();
  return std::move(batch->items[0]);
}

}  // namespace

class TokenizerClient::Stub {
 public:
  Stub(const std::string& target, const TokenizerClientOptions& options)
      : target_(target),
        options_(options),
        stub_(v1::Tokenizer::NewStub(MakeChannel(target, {.max_message_bytes = options.max_message_bytes,
                                                          .connect_timeout = options.connect_timeout,
                                                          .tls = options.tls}))) {}

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(std::string_view name,
                                grpc::Status (v1::Tokenizer::Stub::*method)(grpc::ClientContext*, const Request&,
                                                                            Response*),
                                const Request& request, const std::string& traceparent = "",
                                absl::Duration* round_trip = nullptr) const {
    VITOK_RETURN_IF_ERROR(CheckTraceparent(traceparent));
    const absl::Time start = absl::Now();
    const absl::Time deadline = start + options_.deadline;
    while (true) {
      const std::unique_ptr<grpc::ClientContext> context = MakeContext(traceparent);
      context->set_deadline(absl::ToChronoTime(deadline));
      Response response;
      const grpc::Status grpc_status = (*stub_.*method)(context.get(), request, &response);
      if (grpc_status.ok()) {
        if (round_trip != nullptr) *round_trip = absl::Now() - start;
        return response;
      }
      const absl::Status status = ToAbslStatus(grpc_status);
      const std::optional<absl::Duration> delay = options_.retry ? RetryDelay(status) : std::nullopt;
      if (!delay || absl::Now() + *delay >= deadline) return ExplainCallError(status, Site(name, options_.deadline));
      absl::SleepFor(*delay);
    }
  }

  template <typename Input, typename Result, typename Request, typename Response, typename Params>
  absl::StatusOr<std::unique_ptr<TokenizerStream<Input, Result>>> Open(
      std::string_view name,
      std::unique_ptr<grpc::ClientReaderWriter<Request, Response>> (v1::Tokenizer::Stub::*method)(grpc::ClientContext*),
      typename TokenizerStream<Input, Result>::OnResult on_result, const Params& params,
      const StreamOptions& options) const {
    VITOK_RETURN_IF_ERROR(CheckOptions(options));
    VITOK_RETURN_IF_ERROR(CheckTraceparent(params.traceparent));
    return std::make_unique<GrpcStream<Input, Result, Params, Request, Response>>(
        GrpcStreamOptions{.stream = options, .retry = options_.retry, .site = Site(name, options.deadline)}, params,
        std::move(on_result), MakeContext(params.traceparent),
        [this, method](grpc::ClientContext* context) { return (*stub_.*method)(context); });
  }

 private:
  std::unique_ptr<grpc::ClientContext> MakeContext(const std::string& traceparent) const {
    auto context = std::make_unique<grpc::ClientContext>();
    context->set_wait_for_ready(options_.wait_for_ready);
    if (!options_.token.empty()) context->AddMetadata("authorization", "Bearer " + options_.token);
    if (!traceparent.empty()) context->AddMetadata("traceparent", traceparent);
    return context;
  }

  CallSite Site(std::string_view name, absl::Duration deadline) const {
    return {.name = std::string(name), .target = target_, .deadline = deadline, .tls = options_.tls};
  }

  const std::string target_;
  const TokenizerClientOptions options_;
  const std::unique_ptr<v1::Tokenizer::Stub> stub_;
};

absl::StatusOr<std::unique_ptr<TokenizerClient>> TokenizerClient::Create(const std::string& target,
                                                                         const TokenizerClientOptions& options) {
  VITOK_RETURN_IF_ERROR(CheckTarget(target));
  VITOK_RETURN_IF_ERROR(CheckOptions(options));
  VITOK_RETURN_IF_ERROR(CheckCredentials(target, options));
  return std::unique_ptr<TokenizerClient>(new TokenizerClient(target, options));
}

TokenizerClient::TokenizerClient(std::string target, const TokenizerClientOptions& options)
    : target_(std::move(target)), stub_(std::make_unique<Stub>(target_, options)) {}

TokenizerClient::~TokenizerClient() = default;

absl::StatusOr<EncodeResult> TokenizerClient::Encode(ImageInput image, const EncodeParams& params) const {
  std::vector<ImageInput> images;
  images.push_back(std::move(image));
  return OnlyItem(EncodeAll(std::move(images), params));
}

absl::StatusOr<PictureResult> TokenizerClient::Decode(Latents latents, const DecodeParams& params) const {
  std::vector<Latents> items;
  items.push_back(std::move(latents));
  return OnlyItem(DecodeAll(std::move(items), params));
}

absl::StatusOr<PictureResult> TokenizerClient::Reconstruct(ImageInput image, const ReconstructParams& params) const {
  std::vector<ImageInput> images;
  images.push_back(std::move(image));
  return OnlyItem(ReconstructAll(std::move(images), params));
}

absl::StatusOr<BatchResult<EncodeResult>> TokenizerClient::EncodeAll(std::vector<ImageInput> images,
                                                                     const EncodeParams& params) const {
  const size_t num_items = images.size();
  absl::Duration round_trip;
  VITOK_ASSIGN_OR_RETURN(v1::EncodeResponse response,
                         stub_->Call("Encode", &v1::Tokenizer::Stub::Encode, ToWire(std::move(images), params),
                                     params.traceparent, &round_trip));
  return ToBatch<EncodeResult>(std::move(response), num_items, round_trip);
}

absl::StatusOr<BatchResult<PictureResult>> TokenizerClient::DecodeAll(std::vector<Latents> latents,
                                                                      const DecodeParams& params) const {
  const size_t num_items = latents.size();
  absl::Duration round_trip;
  VITOK_ASSIGN_OR_RETURN(v1::DecodeResponse response,
                         stub_->Call("Decode", &v1::Tokenizer::Stub::Decode, ToWire(std::move(latents), params),
                                     params.traceparent, &round_trip));
  return ToBatch<PictureResult>(std::move(response), num_items, round_trip);
}

absl::StatusOr<BatchResult<PictureResult>> TokenizerClient::ReconstructAll(std::vector<ImageInput> images,
                                                                           const ReconstructParams& params) const {
  const size_t num_items = images.size();
  absl::Duration round_trip;
  VITOK_ASSIGN_OR_RETURN(v1::ReconstructResponse response,
                         stub_->Call("Reconstruct", &v1::Tokenizer::Stub::Reconstruct,
                                     ToWire(std::move(images), params), params.traceparent, &round_trip));
  return ToBatch<PictureResult>(std::move(response), num_items, round_trip);
}

absl::StatusOr<std::unique_ptr<EncodeStream>> TokenizerClient::OpenEncodeStream(EncodeStream::OnResult on_result,
                                                                                const EncodeParams& params,
                                                                                const StreamOptions& options) const {
  return stub_->Open<ImageInput, EncodeResult>("EncodeStream", &v1::Tokenizer::Stub::EncodeStream, std::move(on_result),
                                               params, options);
}

absl::StatusOr<std::unique_ptr<DecodeStream>> TokenizerClient::OpenDecodeStream(DecodeStream::OnResult on_result,
                                                                                const DecodeParams& params,
                                                                                const StreamOptions& options) const {
  return stub_->Open<Latents, PictureResult>("DecodeStream", &v1::Tokenizer::Stub::DecodeStream, std::move(on_result),
                                             params, options);
}

absl::StatusOr<std::unique_ptr<ReconstructStream>> TokenizerClient::OpenReconstructStream(
    ReconstructStream::OnResult on_result, const ReconstructParams& params, const StreamOptions& options) const {
  return stub_->Open<ImageInput, PictureResult>("ReconstructStream", &v1::Tokenizer::Stub::ReconstructStream,
                                                std::move(on_result), params, options);
}

absl::StatusOr<std::vector<ModelInfo>> TokenizerClient::ListModels() const {
  VITOK_ASSIGN_OR_RETURN(v1::ListModelsResponse response,
                         stub_->Call("ListModels", &v1::Tokenizer::Stub::ListModels, v1::ListModelsRequest()));
  return FromWire(response.models());
}

absl::StatusOr<ServerInfo> TokenizerClient::GetServerInfo() const {
  VITOK_ASSIGN_OR_RETURN(v1::GetServerInfoResponse response,
                         stub_->Call("GetServerInfo", &v1::Tokenizer::Stub::GetServerInfo, v1::GetServerInfoRequest()));
  return FromWire(response);
}

}  // namespace vitok
