// A request that is ready to be sent.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <vector>

namespace vitok {

// Serialised once and sent many times: gRPC takes a reference to the bytes, so a call neither copies nor encodes them.
// Immutable once made; shared by all threads.
struct PreparedRequest {
  grpc::ByteBuffer message;
  int64_t message_bytes = 0;
  std::vector<int64_t> item_pixels;  // of each item, in order: of the picture that goes in or, for decode, comes out
};

}  // namespace vitok
