#include "server/reply_bytes.h"

#include <memory>
#include <utility>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"

namespace vitok {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

// Slices cost some bookkeeping; shorter payloads are cheaper copied.
constexpr size_t kLeastPayload = 1024;

template <typename Bytes>
grpc::Slice OwningSlice(Bytes bytes) {
  auto* owned = new Bytes(std::move(bytes));
  return grpc::Slice(
      owned->data(), owned->size(), [](void* data) { delete static_cast<Bytes*>(data); }, owned);
}

void AppendVarint(uint64_t value, std::string& out) {
  uint8_t bytes[10];
  const uint8_t* end = CodedOutputStream::WriteVarint64ToArray(value, bytes);
  out.append(reinterpret_cast<const char*>(bytes), end - bytes);
}

void AppendLengthDelimited(int field, size_t size, std::string& out) {
  AppendVarint(WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED), out);
  AppendVarint(size, out);
}

size_t LengthDelimitedSize(int field, size_t size) {
  const uint32_t tag = WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  return CodedOutputStream::VarintSize32(tag) + CodedOutputStream::VarintSize64(size) + size;
}

}  // namespace

grpc::Slice ToSlice(std::string bytes) { return OwningSlice(std::move(bytes)); }
grpc::Slice ToSlice(std::vector<uint8_t> bytes) { return OwningSlice(std::move(bytes)); }

void ReplyWriter::Append(const google::protobuf::MessageLite& fields) { fields.AppendToString(&small_); }

void ReplyWriter::AppendNested(std::initializer_list<Layer> layers, int payload_field, grpc::Slice payload) {
  // Sizes from the inside out: each message holds its own fields and then the next one.
  std::vector<size_t> sizes(layers.size());
  size_t inner = payload.size() == 0 ? 0 : LengthDelimitedSize(payload_field, payload.size());
  for (size_t i = layers.size(); i-- > 0;) {
    const Layer& layer = layers.begin()[i];
    sizes[i] = layer.message.ByteSizeLong() + inner;
    inner = LengthDelimitedSize(layer.field, sizes[i]);
  }
  for (size_t i = 0; i < layers.size(); ++i) {
    const Layer& layer = layers.begin()[i];
    AppendLengthDelimited(layer.field, sizes[i], small_);
    layer.message.AppendToString(&small_);
  }
  if (payload.size() == 0) return;
  AppendLengthDelimited(payload_field, payload.size(), small_);
  if (payload.size() < kLeastPayload) {
    small_.append(reinterpret_cast<const char*>(payload.begin()), payload.size());
    return;
  }
  EndSmall();
  slices_.push_back(std::move(payload));
}

void ReplyWriter::EndSmall() {
  if (small_.empty()) return;
  copied_bytes_ += static_cast<int64_t>(small_.size());
  slices_.push_back(ToSlice(std::exchange(small_, {})));
}

grpc::ByteBuffer ReplyWriter::Finish() {
  EndSmall();
  grpc::ByteBuffer bytes(slices_.data(), slices_.size());
  slices_.clear();
  return bytes;
}

void AppendResult(v1::EncodeResult* result, grpc::Slice payload, ReplyWriter& writer) {
  constexpr int kResults = v1::EncodeResponse::kResultsFieldNumber;
  if (!result->has_latents()) return writer.AppendNested({{kResults, *result}}, 0, grpc::Slice());
  const std::unique_ptr<v1::Latents> latents(result->release_latents());
  const std::unique_ptr<v1::Tensor> z(latents->release_z());
  writer.AppendNested(
      {{kResults, *result}, {v1::EncodeResult::kLatentsFieldNumber, *latents}, {v1::Latents::kZFieldNumber, *z}},
      v1::Tensor::kDataFieldNumber, std::move(payload));
}

void AppendResult(v1::PictureResult* result, grpc::Slice payload, ReplyWriter& writer) {
  constexpr int kResults = v1::DecodeResponse::kResultsFieldNumber;
  static_assert(kResults == v1::ReconstructResponse::kResultsFieldNumber);
  if (!result->has_picture()) return writer.AppendNested({{kResults, *result}}, 0, grpc::Slice());
  const std::unique_ptr<v1::Picture> picture(result->release_picture());
  if (!picture->has_tensor()) {
    return writer.AppendNested({{kResults, *result}, {v1::PictureResult::kPictureFieldNumber, *picture}},
                               v1::Picture::kEncodedFieldNumber, std::move(payload));
  }
  const std::unique_ptr<v1::Tensor> tensor(picture->release_tensor());
  writer.AppendNested({{kResults, *result},
                       {v1::PictureResult::kPictureFieldNumber, *picture},
                       {v1::Picture::kTensorFieldNumber, *tensor}},
                      v1::Tensor::kDataFieldNumber, std::move(payload));
}

grpc::ByteBuffer CloseEnvelope(uint64_t id, const google::rpc::Status& status, const grpc::ByteBuffer* response) {
  v1::EncodeStreamResponse head;  // those of the other methods have the same fields
  head.set_id(id);
  if (status.code() != 0) *head.mutable_status() = status;
  std::string bytes = head.SerializeAsString();
  std::vector<grpc::Slice> slices;
  if (response != nullptr) {
    AppendLengthDelimited(v1::EncodeStreamResponse::kResponseFieldNumber, response->Length(), bytes);
    response->Dump(&slices);
  }
  slices.insert(slices.begin(), ToSlice(std::move(bytes)));
  return grpc::ByteBuffer(slices.data(), slices.size());
}

}  // namespace vitok
