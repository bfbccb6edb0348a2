// Channels to a server.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/tokenizer_client.h"

namespace vitok {

struct ChannelOptions {
  int64_t max_message_bytes = int64_t{1} << 30;       // of a reply; REQUIRES: positive
  absl::Duration connect_timeout = absl::Seconds(5);  // REQUIRES: positive
  // false: channels of this process to one server may share a connection. true: this one has its own.
  bool own_connection = false;
  std::optional<TlsClientOptions> tls;  // REQUIRES: CheckCredentials is OK
};

// OK for "host:port" and "unix:/path", else INVALID_ARGUMENT naming the target.
absl::Status CheckTarget(const std::string& target);

// Does not connect: the first call does. REQUIRES: CheckTarget(target) is OK.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& target, const ChannelOptions& options);

}  // namespace vitok
