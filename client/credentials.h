// What a client shows a server and asks of it: TLS and tokens, over gRPC.
#pragma once

#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "client/tokenizer_client.h"

namespace vitok {

// INVALID_ARGUMENT: PEM texts that hold no certificate or key, one without the other, TLS over a unix socket, a token
// with characters that cannot be sent, or one that would be sent in the clear over a network. Messages quote no secret.
absl::Status CheckCredentials(const std::string& target, const TokenizerClientOptions& options);

// Credentials of a channel; adds to its arguments what belongs to them.
std::shared_ptr<grpc::ChannelCredentials> MakeCredentials(const std::optional<TlsClientOptions>& tls,
                                                          grpc::ChannelArguments& arguments);

// Why no connection could be made, in words for whoever chose the options; `error` is gRPC's text.
std::string ExplainUnreachable(const std::string& target, const std::optional<TlsClientOptions>& tls,
                               const std::string& error);

}  // namespace vitok
