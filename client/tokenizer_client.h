// Client of the vitok.v1.Tokenizer service.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/tokenizer_stream.h"
#include "client/tokenizer_types.h"

namespace vitok {

// How to make sure of the server, and what to show it. Certificates and keys are texts in PEM form.
struct TlsClientOptions {
  std::string ca_pem;           // CAs that may have signed the server's certificate; empty: those of the system
  std::string certificate_pem;  // of this client, for a server that asks for one; empty: none
  std::string key_pem;          // of that certificate. REQUIRES: empty if and only if certificate_pem is
  std::string server_name;      // that the server's certificate must be for; empty: the host of the target
};

struct TokenizerClientOptions {
  // Time for a whole call, retries included, after which it fails with DEADLINE_EXCEEDED; streams have their own.
  // REQUIRES: positive, finite.
  absl::Duration deadline = absl::Seconds(60);
  // Largest reply that is accepted; larger ones fail with RESOURCE_EXHAUSTED. REQUIRES: positive.
  int64_t max_message_bytes = int64_t{1} << 30;
  // Time for making a connection. REQUIRES: positive.
  absl::Duration connect_timeout = absl::Seconds(5);
  // false: a call fails at once with UNAVAILABLE while no connection can be made. true: it waits for one until its
  // deadline.
  bool wait_for_ready = false;
  // true: a refused call is repeated when the server asks for it (see below). false: every refusal is the caller's.
  bool retry = true;
  // nullopt: without TLS. REQUIRES: nullopt for a unix socket.
  std::optional<TlsClientOptions> tls;
  // Sent with each call; empty: none. REQUIRES: tls, unless the server is on this machine (unix socket or loopback).
  std::string token;
};

// One channel to one server. All calls block and are thread-safe; calls of several threads share the connection. The
// connection is made by the first call and made anew after it broke.
//
//   VITOK_ASSIGN_OR_RETURN(auto client, TokenizerClient::Create("unix:/run/vitok.sock"));
//   VITOK_ASSIGN_OR_RETURN(EncodeResult result, client->Encode(EncodedImage{file_bytes}));
//
// Errors are those of the server with their details as payloads (client/call_status.h). A call is repeated by itself
// only when the server refused it as UNAVAILABLE or RESOURCE_EXHAUSTED and said by RetryInfo when to come back; it
// waits as long as the server asks, but never past the deadline. Calls change nothing in the server, so repeating is
// safe.
class TokenizerClient {
 public:
  // `target`: "host:port" or "unix:/path". Does not connect. INVALID_ARGUMENT: anything else, an option out of range,
  // or credentials that cannot be used.
  static absl::StatusOr<std::unique_ptr<TokenizerClient>> Create(const std::string& target,
                                                                 const TokenizerClientOptions& options = {});
  ~TokenizerClient();

  // One item. Its error is the error of the call.
  absl::StatusOr<EncodeResult> Encode(ImageInput image, const EncodeParams& params = {}) const;
  absl::StatusOr<PictureResult> Decode(Latents latents, const DecodeParams& params = {}) const;
  absl::StatusOr<PictureResult> Reconstruct(ImageInput image, const ReconstructParams& params = {}) const;

  // Several items in one call: results in the same order, each with a status of its own. The call itself fails only
  // when nothing could be done (unknown model, no items, no server).
  absl::StatusOr<BatchResult<EncodeResult>> EncodeAll(std::vector<ImageInput> images,
                                                      const EncodeParams& params = {}) const;
  absl::StatusOr<BatchResult<PictureResult>> DecodeAll(std::vector<Latents> latents,
                                                       const DecodeParams& params = {}) const;
  absl::StatusOr<BatchResult<PictureResult>> ReconstructAll(std::vector<ImageInput> images,
                                                            const ReconstructParams& params = {}) const;

  // Streams for many items (tokenizer_stream.h), which go on while others wait: a stream fills a server's batches from
  // one thread. Opening waits for nothing, and its errors are those of the stream. INVALID_ARGUMENT: an option out of
  // range. The client must outlive its streams.
  absl::StatusOr<std::unique_ptr<EncodeStream>> OpenEncodeStream(EncodeStream::OnResult on_result,
                                                                 const EncodeParams& params = {},
                                                                 const StreamOptions& options = {}) const;
  absl::StatusOr<std::unique_ptr<DecodeStream>> OpenDecodeStream(DecodeStream::OnResult on_result,
                                                                 const DecodeParams& params = {},
                                                                 const StreamOptions& options = {}) const;
  absl::StatusOr<std::unique_ptr<ReconstructStream>> OpenReconstructStream(ReconstructStream::OnResult on_result,
                                                                           const ReconstructParams& params = {},
                                                                           const StreamOptions& options = {}) const;

  absl::StatusOr<std::vector<ModelInfo>> ListModels() const;
  absl::StatusOr<ServerInfo> GetServerInfo() const;

  const std::string& target() const { return target_; }

 private:
  class Stub;  // keeps gRPC out of this header

  TokenizerClient(std::string target, const TokenizerClientOptions& options);

  const std::string target_;
  const std::unique_ptr<Stub> stub_;
};

}  // namespace vitok
