// Prepared requests as messages of a stream.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>

#include "client/bench/prepared_request.h"

namespace vitok {

// An EncodeStreamRequest, DecodeStreamRequest or ReconstructStreamRequest. It shares the bytes of `request`, which are
// neither copied nor encoded again.
grpc::ByteBuffer MakeStreamMessage(uint64_t id, const PreparedRequest& request);

}  // namespace vitok
