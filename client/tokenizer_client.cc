#include "client/tokenizer_client.h"

#include <grpcpp/grpcpp.h>

#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "client/call_status.h"
#include "client/channel.h"
#include "client/credentials.h"
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
                                const Request& request, absl::Duration* round_trip = nullptr) const {
    const absl::Time start = absl::Now();
    const absl::Time deadline = start + options_.deadline;
    while (true) {
      grpc::ClientContext context;
      context.set_deadline(absl::ToChronoTime(deadline));
      context.set_wait_for_ready(options_.wait_for_ready);
      if (!options_.token.empty()) context.AddMetadata("authorization", "Bearer " + options_.token);
      Response response;
      const grpc::Status grpc_status = (*stub_.*method)(&context, request, &response);
      if (grpc_status.ok()) {
        if (round_trip != nullptr) *round_trip = absl::Now() - start;
        return response;
      }
      const absl::Status status = ToAbslStatus(grpc_status);
      const std::optional<absl::Duration> delay = options_.retry ? RetryDelay(status) : std::nullopt;
      if (!delay || absl::Now() + *delay >= deadline) return Explain(status, name);
      absl::SleepFor(*delay);
    }
  }

 private:
  // Names the call and the server, which gRPC's own texts do not. A passed deadline may be told by this side ("Deadline
  // Exceeded"), by the server, or as a reset stream, whichever comes first.
  absl::Status Explain(const absl::Status& status, std::string_view name) const {
    std::string message;
    if (absl::IsDeadlineExceeded(status)) {
      message = StrCat(name, " on ", target_, " did not finish within ", absl::FormatDuration(options_.deadline));
    } else if (IsUnreachable(status)) {
      message = ExplainUnreachable(target_, options_.tls, std::string(status.message()));
    } else if (absl::IsResourceExhausted(status) && absl::StrContains(status.message(), "error code 11")) {
      // ENHANCE_YOUR_CALM: gRPC's memory for messages is used up (connections.memory_bytes of the server).
      message =
          StrCat("the server at ", target_, " holds too many messages at once; try again, or send fewer at a time");
    } else if (absl::IsCancelled(status)) {
      // Nobody cancels calls on this side: gRPC servers do so with calls that reach them while they shut down.
      return absl::UnavailableError(StrCat("the server at ", target_, " ended the call unanswered"));
    } else {
      return status;
    }
    absl::Status explained(status.code(), StrCat(message, ": ", std::string(status.message())));
    status.ForEachPayload(
        [&explained](absl::string_view url, const absl::Cord& detail) { explained.SetPayload(url, detail); });
    return explained;
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
  VITOK_ASSIGN_OR_RETURN(v1::EncodeResponse response, stub_->Call("Encode", &v1::Tokenizer::Stub::Encode,
                                                                  ToWire(std::move(images), params), &round_trip));
  return ToBatch<EncodeResult>(std::move(response), num_items, round_trip);
}

absl::StatusOr<BatchResult<PictureResult>> TokenizerClient::DecodeAll(std::vector<Latents> latents,
                                                                      const DecodeParams& params) const {
  const size_t num_items = latents.size();
  absl::Duration round_trip;
  VITOK_ASSIGN_OR_RETURN(v1::DecodeResponse response, stub_->Call("Decode", &v1::Tokenizer::Stub::Decode,
                                                                  ToWire(std::move(latents), params), &round_trip));
  return ToBatch<PictureResult>(std::move(response), num_items, round_trip);
}

absl::StatusOr<BatchResult<PictureResult>> TokenizerClient::ReconstructAll(std::vector<ImageInput> images,
                                                                           const ReconstructParams& params) const {
  const size_t num_items = images.size();
  absl::Duration round_trip;
  VITOK_ASSIGN_OR_RETURN(v1::ReconstructResponse response, stub_->Call("Reconstruct", &v1::Tokenizer::Stub::Reconstruct,
                                                                       ToWire(std::move(images), params), &round_trip));
  return ToBatch<PictureResult>(std::move(response), num_items, round_trip);
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
