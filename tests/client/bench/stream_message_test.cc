#include "client/bench/stream_message.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "vitok/v1/tokenizer.pb.h"

namespace vitok {
namespace {

TEST(StreamMessageTest, IsAMessageWithTheIdAndTheRequest) {
  v1::EncodeRequest request;
  for (int bytes : {0, 1, 100, 200, 100'000}) {
    request.add_images()->set_encoded(std::string(bytes, 'x'));
    const grpc::Slice slice(request.SerializeAsString());
    const PreparedRequest prepared = {.message = grpc::ByteBuffer(&slice, 1)};
    for (const uint64_t id : {uint64_t{0}, uint64_t{127}, uint64_t{128}, std::numeric_limits<uint64_t>::max()}) {
      grpc::Slice flat;
      ASSERT_TRUE(MakeStreamMessage(id, prepared).DumpToSingleSlice(&flat).ok());
      v1::EncodeStreamRequest message;
      ASSERT_TRUE(message.ParseFromArray(flat.begin(), static_cast<int>(flat.size())));
      EXPECT_EQ(message.id(), id);
      EXPECT_EQ(message.request().SerializeAsString(), request.SerializeAsString());
    }
  }
}

TEST(StreamMessageTest, SharesTheBytesOfTheRequest) {
  const grpc::Slice slices[] = {grpc::Slice(std::string(1000, 'a')), grpc::Slice(std::string(1000, 'b'))};
  const PreparedRequest prepared = {.message = grpc::ByteBuffer(slices, 2)};
  std::vector<grpc::Slice> parts;
  ASSERT_TRUE(MakeStreamMessage(1, prepared).Dump(&parts).ok());
  ASSERT_EQ(parts.size(), 3);
  EXPECT_EQ(parts[1].begin(), slices[0].begin());
  EXPECT_EQ(parts[2].begin(), slices[1].begin());
}

}  // namespace
}  // namespace vitok
