#include "server/request_bytes.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/base/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "grpcpp/support/proto_buffer_reader.h"

namespace vitok {
namespace {

using google::protobuf::internal::WireFormatLite;

constexpr int kIdField = 1;
constexpr int kRequestField = 2;

// Bytes [begin, begin + size) of `bytes`, sharing their memory.
grpc::ByteBuffer Part(const grpc::ByteBuffer& bytes, size_t begin, size_t size) {
  std::vector<grpc::Slice> slices, part;
  bytes.Dump(&slices);
  for (const grpc::Slice& slice : slices) {
    if (size == 0) break;
    if (begin >= slice.size()) {
      begin -= slice.size();
      continue;
    }
    const size_t end = std::min(slice.size(), begin + size);
    grpc_slice whole = slice.c_slice();
    part.emplace_back(grpc_slice_sub(whole, begin, end), grpc::Slice::STEAL_REF);
    grpc_slice_unref(whole);
    size -= end - begin;
    begin = 0;
  }
  return grpc::ByteBuffer(part.data(), part.size());
}

// Calls use(tag, stream) for each outermost field until it returns false; a field it did not read is skipped. False:
// the bytes are no message.
template <typename Use>
bool ScanFields(const grpc::ByteBuffer& bytes, Use use) {
  // The reader takes a pointer that is not const, and changes nothing.
  grpc::ProtoBufferReader reader(const_cast<grpc::ByteBuffer*>(&bytes));
  if (!reader.status().ok()) return bytes.Length() == 0;
  google::protobuf::io::CodedInputStream stream(&reader);
  while (const uint32_t tag = stream.ReadTag()) {
    const int position = stream.CurrentPosition();
    if (!use(tag, stream)) return true;
    if (stream.CurrentPosition() == position && !WireFormatLite::SkipField(&stream, tag)) return false;
  }
  return stream.ConsumedEntireMessage();
}

bool IsField(uint32_t tag, int field, WireFormatLite::WireType type) {
  return tag == WireFormatLite::MakeTag(field, type);
}

}  // namespace

std::string PeekString(const grpc::ByteBuffer& bytes, int field) {
  std::string found;
  ScanFields(bytes, [&](uint32_t tag, google::protobuf::io::CodedInputStream& stream) {
    if (!IsField(tag, field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED)) return true;
    int size = 0;
    if (stream.ReadVarintSizeAsInt(&size)) stream.ReadString(&found, size);
    return false;
  });
  return found;
}

int64_t CountMessages(const grpc::ByteBuffer& bytes, int field) {
  int64_t count = 0;
  ScanFields(bytes, [&](uint32_t tag, google::protobuf::io::CodedInputStream&) {
    if (IsField(tag, field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED)) ++count;
    return true;
  });
  return count;
}

absl::Status ParseMessage(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite* message) {
  if (bytes.Length() == 0) return absl::OkStatus();
  grpc::ProtoBufferReader reader(const_cast<grpc::ByteBuffer*>(&bytes));
  if (reader.status().ok() && message->ParseFromZeroCopyStream(&reader)) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat("request must be a message of type ", message->GetTypeName(), "; its ",
                                           bytes.Length(), " bytes are none"));
}

absl::StatusOr<Envelope> OpenEnvelope(const grpc::ByteBuffer& bytes) {
  Envelope envelope;
  int begin = 0, size = 0;
  const bool read = ScanFields(bytes, [&](uint32_t tag, google::protobuf::io::CodedInputStream& stream) {
    if (IsField(tag, kIdField, WireFormatLite::WIRETYPE_VARINT)) stream.ReadVarint64(&envelope.id);
    if (IsField(tag, kRequestField, WireFormatLite::WIRETYPE_LENGTH_DELIMITED)) {
      stream.ReadVarintSizeAsInt(&size);
      begin = stream.CurrentPosition();
      stream.Skip(size);
    }
    return true;
  });
  if (!read || size < 0 || static_cast<size_t>(begin) + size > bytes.Length()) {
    return absl::InvalidArgumentError(
        StrCat("stream message must hold id and request; its ", bytes.Length(), " bytes are no such message"));
  }
  envelope.request = Part(bytes, begin, size);
  return envelope;
}

}  // namespace vitok
