#include "server/reply_bytes.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/byte_buffer.h"

namespace vitok {
namespace {

// What a client makes of it.
template <typename Message>
Message Parsed(const grpc::ByteBuffer& bytes) {
  Message message;
  EXPECT_TRUE(message.ParseFromString(Joined(bytes)));
  return message;
}

v1::EncodeResult Latents(const std::string& data) {
  v1::EncodeResult result;
  result.mutable_latents()->mutable_z()->set_dtype(v1::DTYPE_FLOAT32);
  result.mutable_latents()->mutable_z()->add_shape(static_cast<int64_t>(data.size()) / 4);
  result.mutable_latents()->set_grid_rows(3);
  result.mutable_timings()->set_total_ns(1234567);
  result.set_tokens(9);
  return result;
}

TEST(ReplyBytesTest, WritesResultsThatReadAsTheWholeMessage) {
  v1::EncodeResponse expected;
  expected.set_model("tiny");
  expected.set_model_version(2);
  ReplyWriter writer;
  writer.Append(expected);
  for (const size_t size : {0, 8, 1024, 200'000}) {
    const std::string data(size, static_cast<char>('a' + size % 7));
    v1::EncodeResult result = Latents(data);
    *expected.add_results() = result;
    expected.mutable_results()->rbegin()->mutable_latents()->mutable_z()->set_data(data);
    AppendResult(&result, ToSlice(data), writer);
  }
  const auto reply = Parsed<v1::EncodeResponse>(writer.Finish());
  EXPECT_EQ(reply.SerializeAsString(), expected.SerializeAsString());
}

TEST(ReplyBytesTest, WritesPicturesAsTensorsAndAsFiles) {
  v1::PictureResult raw, file, failed;
  raw.mutable_picture()->set_width_px(5);
  raw.mutable_picture()->mutable_tensor()->set_dtype(v1::DTYPE_UINT8);
  file.mutable_picture()->set_height_px(7);
  failed.mutable_status()->set_code(3);
  ReplyWriter writer;
  AppendResult(&raw, ToSlice(std::vector<uint8_t>(5000, 1)), writer);
  AppendResult(&file, ToSlice(std::string(3000, 'j')), writer);
  AppendResult(&failed, grpc::Slice(), writer);
  const auto reply = Parsed<v1::DecodeResponse>(writer.Finish());
  ASSERT_EQ(reply.results_size(), 3);
  EXPECT_EQ(reply.results(0).picture().width_px(), 5);
  EXPECT_EQ(reply.results(0).picture().tensor().dtype(), v1::DTYPE_UINT8);
  EXPECT_EQ(reply.results(0).picture().tensor().data(), std::string(5000, '\1'));
  EXPECT_EQ(reply.results(1).picture().height_px(), 7);
  EXPECT_EQ(reply.results(1).picture().encoded(), std::string(3000, 'j'));
  EXPECT_EQ(reply.results(2).status().code(), 3);
  EXPECT_FALSE(reply.results(2).has_picture());
}

TEST(ReplyBytesTest, SendsPayloadsFromWhereTheyAre) {
  std::vector<uint8_t> pixels(100'000, 3);
  const uint8_t* const memory = pixels.data();
  v1::PictureResult result;
  result.mutable_picture()->mutable_tensor()->set_dtype(v1::DTYPE_UINT8);
  ReplyWriter writer;
  AppendResult(&result, ToSlice(std::move(pixels)), writer);
  std::vector<grpc::Slice> slices;
  const grpc::ByteBuffer reply = writer.Finish();
  reply.Dump(&slices);
  bool found = false;
  for (const grpc::Slice& slice : slices) found |= slice.begin() == memory;
  EXPECT_TRUE(found);
  EXPECT_LT(writer.copied_bytes(), 100);
}

TEST(ReplyBytesTest, ClosesEnvelopes) {
  v1::DecodeResponse response;
  response.set_model("tiny");
  const grpc::Slice slice(response.SerializeAsString());
  const grpc::ByteBuffer bytes(&slice, 1);
  const auto ok = Parsed<v1::DecodeStreamResponse>(CloseEnvelope(300, google::rpc::Status(), &bytes));
  EXPECT_EQ(ok.id(), 300);
  EXPECT_FALSE(ok.has_status());
  EXPECT_EQ(ok.response().model(), "tiny");
  google::rpc::Status error;
  error.set_code(8);
  const auto refused = Parsed<v1::DecodeStreamResponse>(CloseEnvelope(0, error, nullptr));
  EXPECT_EQ(refused.status().code(), 8);
  EXPECT_FALSE(refused.has_response());
}

}  // namespace
}  // namespace vitok
