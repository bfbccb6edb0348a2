#include "client/bench/reply_summary.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include "client/call_status.h"
#include "client/wire_format.h"
#include "vitok/v1/tokenizer.pb.h"

namespace vitok {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// One reader serves all replies because the numbers of the fields it looks at are the same in all of them.
constexpr int kResults = v1::EncodeResponse::kResultsFieldNumber;
constexpr int kTimings = v1::EncodeResponse::kTimingsFieldNumber;
constexpr int kItemStatus = v1::EncodeResult::kStatusFieldNumber;
constexpr int kItemTokens = v1::EncodeResult::kTokensFieldNumber;
static_assert(kResults == v1::DecodeResponse::kResultsFieldNumber &&
              kResults == v1::ReconstructResponse::kResultsFieldNumber);
static_assert(kTimings == v1::DecodeResponse::kTimingsFieldNumber &&
              kTimings == v1::ReconstructResponse::kTimingsFieldNumber);
static_assert(kItemStatus == v1::PictureResult::kStatusFieldNumber);
static_assert(kItemTokens == v1::PictureResult::kTokensFieldNumber);

constexpr int kStreamId = v1::EncodeStreamResponse::kIdFieldNumber;
constexpr int kStreamStatus = v1::EncodeStreamResponse::kStatusFieldNumber;
constexpr int kStreamResponse = v1::EncodeStreamResponse::kResponseFieldNumber;
static_assert(kStreamId == v1::DecodeStreamResponse::kIdFieldNumber &&
              kStreamId == v1::ReconstructStreamResponse::kIdFieldNumber);
static_assert(kStreamStatus == v1::DecodeStreamResponse::kStatusFieldNumber &&
              kStreamStatus == v1::ReconstructStreamResponse::kStatusFieldNumber);
static_assert(kStreamResponse == v1::DecodeStreamResponse::kResponseFieldNumber &&
              kStreamResponse == v1::ReconstructStreamResponse::kResponseFieldNumber);

constexpr uint32_t TagOf(int field, WireFormatLite::WireType type) { return WireFormatLite::MakeTag(field, type); }
constexpr auto kMessage = WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
constexpr auto kVarint = WireFormatLite::WIRETYPE_VARINT;

// Calls read_field(tag) for each field of a message that lies, with its length before it, at the reader's position.
// False if the message is damaged.
template <typename ReadField>
bool ReadMessage(CodedInputStream& reader, const ReadField& read_field) {
  uint32_t length = 0;
  if (!reader.ReadVarint32(&length)) return false;
  const auto limit = reader.PushLimit(static_cast<int>(length));
  while (const uint32_t tag = reader.ReadTag()) {
    if (!read_field(tag)) return false;
  }
  const bool complete = reader.ConsumedEntireMessage() && reader.BytesUntilLimit() == 0;
  reader.PopLimit(limit);
  return complete;
}

template <typename Message>
bool ParseMessage(CodedInputStream& reader, Message* message) {
  uint32_t length = 0;
  if (!reader.ReadVarint32(&length)) return false;
  const auto limit = reader.PushLimit(static_cast<int>(length));
  const bool complete = message->MergeFromCodedStream(&reader) && reader.BytesUntilLimit() == 0;
  reader.PopLimit(limit);
  return complete;
}

bool ReadItem(CodedInputStream& reader, ReplySummary* summary) {
  google::rpc::Status status;
  uint64_t tokens = 0;
  const bool complete = ReadMessage(reader, [&](uint32_t tag) {
    switch (tag) {
      case TagOf(kItemStatus, kMessage): return ParseMessage(reader, &status);
      case TagOf(kItemTokens, kVarint): return reader.ReadVarint64(&tokens);
      default: return WireFormatLite::SkipField(&reader, tag);
    }
  });
  const absl::Status error = ToAbslStatus(status);
  summary->item_ok.push_back(error.ok());
  if (error.ok()) {
    summary->tokens += static_cast<int64_t>(tokens);
  } else if (summary->first_error.ok()) {
    summary->first_error = error;
  }
  return complete;
}

bool ReadReplyField(CodedInputStream& reader, uint32_t tag, ReplySummary* summary) {
  switch (tag) {
    case TagOf(kResults, kMessage): return ReadItem(reader, summary);
    case TagOf(kTimings, kMessage): {
      v1::Timings timings;
      if (!ParseMessage(reader, &timings)) return false;
      summary->timings = FromWire(timings);
      return true;
    }
    default: return WireFormatLite::SkipField(&reader, tag);
  }
}

bool ReadReply(CodedInputStream& reader, ReplySummary* summary) {
  while (const uint32_t tag = reader.ReadTag()) {
    if (!ReadReplyField(reader, tag, summary)) return false;
  }
  return reader.ConsumedEntireMessage();
}

bool ReadStreamReply(CodedInputStream& reader, StreamReplySummary* summary) {
  google::rpc::Status status;
  while (const uint32_t tag = reader.ReadTag()) {
    bool complete = false;
    switch (tag) {
      case TagOf(kStreamId, kVarint): complete = reader.ReadVarint64(&summary->id); break;
      case TagOf(kStreamStatus, kMessage): complete = ParseMessage(reader, &status); break;
      case TagOf(kStreamResponse, kMessage):
        complete =
            ReadMessage(reader, [&](uint32_t field) { return ReadReplyField(reader, field, &summary->response); });
        break;
      default: complete = WireFormatLite::SkipField(&reader, tag);
    }
    if (!complete) return false;
  }
  summary->status = ToAbslStatus(status);
  return reader.ConsumedEntireMessage();
}

template <typename Summary>
absl::StatusOr<Summary> Summarize(const grpc::ByteBuffer& reply, bool (*read)(CodedInputStream&, Summary*)) {
  Summary summary;
  grpc::ByteBuffer buffer = reply;  // the reader wants one that it may change; this copies references
  grpc::ProtoBufferReader bytes(&buffer);
  if (!bytes.status().ok()) return ToAbslStatus(bytes.status());
  CodedInputStream reader(&bytes);
  if (!read(reader, &summary)) return absl::InternalError("the server's reply is no message of this service");
  return summary;
}

}  // namespace

absl::StatusOr<ReplySummary> SummarizeReply(const grpc::ByteBuffer& reply) { return Summarize(reply, ReadReply); }

absl::StatusOr<StreamReplySummary> SummarizeStreamReply(const grpc::ByteBuffer& reply) {
  return Summarize(reply, ReadStreamReply);
}

}  // namespace vitok
