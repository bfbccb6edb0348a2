// What one connection, and all of them together, may take of the server.
#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"

namespace vitok {

struct ConnectionOptions {
  // A connection that is this old (gRPC adds up to 10 % either way, so that not all come back at once) is told to go;
  // its client makes a new one, to whichever replica it is led to. 0: never.
  absl::Duration max_age = absl::Seconds(300);
  absl::Duration max_age_grace = absl::Seconds(300);  // for its running calls, which are cancelled after that
  absl::Duration max_idle = absl::Minutes(30);        // a connection without calls is closed. 0: never
  absl::Duration stall_timeout = absl::Seconds(60);   // for a client to receive a reply
  int64_t max_streams = 256;                          // calls of one connection at a time; more wait at the client
  int64_t max_metadata_bytes = 8192;                  // of one call; more: RESOURCE_EXHAUSTED
  int64_t memory_bytes = int64_t{2} << 30;            // of gRPC for all connections: buffers and received messages
  int64_t max_threads = 64;                           // of gRPC for calls that occupy one (reflection)
};

// Sets these limits, and the fixed ones on keepalive, pings and handshakes.
void ApplyConnectionLimits(const ConnectionOptions& options, grpc::ServerBuilder& builder);

}  // namespace vitok
