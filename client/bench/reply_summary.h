// What a load generator wants to know of a reply.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/tokenizer_types.h"

namespace vitok {

struct ReplySummary {
  std::vector<bool> item_ok;  // of each item, in order
  absl::Status first_error;   // of the first item that failed, else OK
  int64_t tokens = 0;         // of the items that succeeded
  Timings timings;            // of the server; round_trip is zero
};

struct StreamReplySummary {
  uint64_t id = 0;
  absl::Status status;    // what would have been that of a call
  ReplySummary response;  // if that is OK
};

// Reads an EncodeResponse, DecodeResponse or ReconstructResponse without looking at latents and pictures, so that it
// costs the same for a small and a large reply. INTERNAL: bytes that are none of them.
absl::StatusOr<ReplySummary> SummarizeReply(const grpc::ByteBuffer& reply);

// The same for an EncodeStreamResponse, DecodeStreamResponse or ReconstructStreamResponse.
absl::StatusOr<StreamReplySummary> SummarizeStreamReply(const grpc::ByteBuffer& reply);

}  // namespace vitok
