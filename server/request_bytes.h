// Requests as they come from the wire: looked into before, and parsed without being made one piece. Free of torch.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "google/protobuf/message_lite.h"
#include "grpcpp/support/byte_buffer.h"

namespace vitok {

// The string field `field` of the message in `bytes`, "" if there is none. Looks at the message's outermost fields only
// and copies nothing else: for what must be known before the rest is worth parsing.
std::string PeekString(const grpc::ByteBuffer& bytes, int field);

// How many messages the repeated field `field` holds. A message of two bytes becomes one of about a hundred when it is
// parsed, so their number must be bounded before. Bytes that are no message: those before the fault.
int64_t CountMessages(const grpc::ByteBuffer& bytes, int field);

// Parses all of `bytes`, which are copied once, into the fields of `message`. INVALID_ARGUMENT: they are no such
// message.
absl::Status ParseMessage(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite* message);

// A message of a stream: {uint64 id = 1; Request request = 2}.
struct Envelope {
  uint64_t id = 0;
  grpc::ByteBuffer request;  // shares the memory of the whole
};

// INVALID_ARGUMENT: not a message of that form.
absl::StatusOr<Envelope> OpenEnvelope(const grpc::ByteBuffer& bytes);

}  // namespace vitok
