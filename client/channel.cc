#include "client/channel.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <limits>
#include <string_view>

#include "absl/strings/numbers.h"
#include "client/credentials.h"
#include "core/base/str_cat.h"

namespace vitok {

absl::Status CheckTarget(const std::string& target) {
  const std::string_view view = target;
  if (view.starts_with("unix:") && view.size() > 5) return absl::OkStatus();
  const size_t colon = view.rfind(':');
  int port = 0;
  if (colon != std::string_view::npos && colon > 0 && absl::SimpleAtoi(ToAbsl(view.substr(colon + 1)), &port) &&
      port > 0 && port < 65536) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      StrCat("server must be \"host:port\" (port 1 to 65535) or \"unix:/path\"; was \"", target, "\""));
}

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& target, const ChannelOptions& options) {
  constexpr int64_t kIntMax = std::numeric_limits<int>::max();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(static_cast<int>(std::min(options.max_message_bytes, kIntMax)));
  arguments.SetMaxSendMessageSize(-1);  // the server has its own limit and names it
  // gRPC takes the shortest back-off for the time a connection attempt may take.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
                   static_cast<int>(std::min(absl::ToInt64Milliseconds(options.connect_timeout), kIntMax)));
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  // Messages of megabytes are usual: with gRPC's own 64 KiB windows and 16 KiB frames a connection is half as fast.
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 8 << 20);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, 1 << 20);
  if (options.own_connection) arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(target, MakeCredentials(options.tls, arguments), arguments);
}

}  // namespace vitok
