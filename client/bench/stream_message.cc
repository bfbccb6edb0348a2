#include "client/bench/stream_message.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <vector>

#include "vitok/v1/tokenizer.pb.h"

namespace vitok {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

constexpr int kId = v1::EncodeStreamRequest::kIdFieldNumber;
constexpr int kRequest = v1::EncodeStreamRequest::kRequestFieldNumber;
static_assert(kId == v1::DecodeStreamRequest::kIdFieldNumber && kId == v1::ReconstructStreamRequest::kIdFieldNumber);
static_assert(kRequest == v1::DecodeStreamRequest::kRequestFieldNumber &&
              kRequest == v1::ReconstructStreamRequest::kRequestFieldNumber);

// Two tags of one byte and two varints of at most ten.
constexpr size_t kMaxPrefixBytes = 22;
static_assert(kId < 16 && kRequest < 16);

}  // namespace

grpc::ByteBuffer MakeStreamMessage(uint64_t id, const PreparedRequest& request) {
  uint8_t prefix[kMaxPrefixBytes];
  uint8_t* end = prefix;
  end = CodedOutputStream::WriteTagToArray(WireFormatLite::MakeTag(kId, WireFormatLite::WIRETYPE_VARINT), end);
  end = CodedOutputStream::WriteVarint64ToArray(id, end);
  end = CodedOutputStream::WriteTagToArray(WireFormatLite::MakeTag(kRequest, WireFormatLite::WIRETYPE_LENGTH_DELIMITED),
                                           end);
  end = CodedOutputStream::WriteVarint64ToArray(request.message.Length(), end);
  std::vector<grpc::Slice> slices;
  // Of a message that is not compressed this only takes references.
  if (!request.message.Dump(&slices).ok()) slices.clear();
  slices.emplace(slices.begin(), prefix, static_cast<size_t>(end - prefix));
  return grpc::ByteBuffer(slices.data(), slices.size());
}

}  // namespace vitok
