// Where a server listens: "host:port", "[ipv6]:port" or "unix:/path". Free of torch.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vitok {

struct ListenAddress {
  bool is_unix = false;
  std::string host;  // without brackets
  int port = 0;      // 0: any free one
  std::string path;  // of a unix socket

  // The form it was parsed from; `bound_port` stands in for port 0.
  std::string ToString(int bound_port = 0) const;
};

// True if only this machine can connect: a unix socket, "localhost", 127.0.0.0/8 or [::1].
bool IsLocal(const ListenAddress& address);

// INVALID_ARGUMENT names the address and what is wrong: no port, a port out of [0, 65535], an empty or too long path.
absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text);

// OK if a server may bind here; a socket file that a dead process left behind is removed. UNAVAILABLE with the system's
// reason if the address is taken or not of this machine, FAILED_PRECONDITION if the path is something else than a
// socket. The libraries that do the real bind report no reason, and they would take a unix socket away from a live
// server.
absl::Status PrepareToBind(const ListenAddress& address);

}  // namespace vitok
