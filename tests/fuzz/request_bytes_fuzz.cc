// Messages as they come from the wire (server/request_bytes.h); the first byte says in pieces of what size. Promises:
// an envelope is opened exactly if protobuf could parse one whose request is any bytes, with the same id and request; a
// model's name is found before the rest is parsed if it is found after.
#include <algorithm>
#include <string>
#include <vector>

#include "core/base/str_cat.h"
#include "server/request_bytes.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/byte_buffer.h"
#include "vitok/v1/tokenizer.pb.h"

namespace vitok {
namespace {

void Run(std::string_view input) {
  if (input.empty()) return;
  const size_t piece = 1 + static_cast<uint8_t>(input.front()) % 64;
  const grpc::ByteBuffer bytes = InPieces(input.substr(1), piece);

  const absl::StatusOr<Envelope> envelope = OpenEnvelope(bytes);
  if (envelope.ok()) {
    Require(envelope->request.Length() <= bytes.Length(), "a request is a part of its message");
  } else {
    RequireRefusal(envelope.status());
  }
  v1::EncodeStreamRequest message;
  if (ParseMessage(bytes, &message).ok()) {
    RequireOk(envelope.status(), "what protobuf takes is an envelope");
    Require(envelope->id == message.id(), "the id is that of the message");
    v1::EncodeRequest request;
    RequireOk(ParseMessage(envelope->request, &request), "the request of an envelope parses");
  }

  v1::EncodeRequest request;
  const std::string name = PeekString(bytes, v1::EncodeRequest::kModelFieldNumber);
  Require(name.size() <= bytes.Length(), "a name is a part of its message");
  if (ParseMessage(bytes, &request).ok() && name != request.model()) {
    // Of several names protobuf takes the last one.
    const std::string all = Joined(bytes);
    Require(std::count(all.begin(), all.end(), '\x0a') > 1, "the name that is found first is the model's");
  }
}

std::vector<std::string> Seeds() {
  v1::EncodeStreamRequest message;
  message.set_id(300);
  message.mutable_request()->set_model("tiny:3");
  message.mutable_request()->add_images()->set_encoded(std::string(300, 'x'));
  return {StrCat("\x07", message.SerializeAsString()), StrCat("\x20", message.request().SerializeAsString())};
}

const bool registered = RegisterFuzzTarget({.name = "request_bytes", .run = &Run, .seeds = &Seeds});

}  // namespace
}  // namespace vitok
