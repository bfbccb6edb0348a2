// Replies on their way to the wire: large values go out from the memory they were computed in. Free of torch.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "google/protobuf/message_lite.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"
#include "vitok/v1/tokenizer.pb.h"

namespace vitok {

// The slice owns `bytes`.
grpc::Slice ToSlice(std::string bytes);
grpc::Slice ToSlice(std::vector<uint8_t> bytes);

// Serialises a message piece by piece.
class ReplyWriter {
 public:
  // A message around a payload: the number of the field it is in, and its other fields.
  struct Layer {
    int field;
    const google::protobuf::MessageLite& message;
  };

  // Fields of the outermost message.
  void Append(const google::protobuf::MessageLite& fields);

  // Messages within each other, the outermost first; the innermost one has `payload` as its field `payload_field`. The
  // payload is not copied; an empty one is left out.
  void AppendNested(std::initializer_list<Layer> layers, int payload_field, grpc::Slice payload);

  // What was appended, once.
  grpc::ByteBuffer Finish();

  // Bytes that were copied so far: all but payloads.
  int64_t copied_bytes() const { return copied_bytes_; }

 private:
  void EndSmall();

  std::string small_;  // not in slices_ yet
  std::vector<grpc::Slice> slices_;
  int64_t copied_bytes_ = 0;
};

// One entry of `results` (field 2 of every response) with its payload, which is the data of the latents, or of the
// picture's tensor or file. Takes those messages out of `result`.
void AppendResult(v1::EncodeResult* result, grpc::Slice payload, ReplyWriter& writer);
void AppendResult(v1::PictureResult* result, grpc::Slice payload, ReplyWriter& writer);

// {uint64 id = 1; google.rpc.Status status = 2; Response response = 3} around a response; no response: without one.
grpc::ByteBuffer CloseEnvelope(uint64_t id, const google::rpc::Status& status, const grpc::ByteBuffer* response);

}  // namespace vitok
