// Requests that no client of this project would write.
#include <gmock/gmock.h>

#include <memory>
#include <vector>

#include "tests/server/server_fixture.h"
#include "tests/support/process_size.h"

namespace vitok {
namespace {

using ::testing::HasSubstr;

class BadMessageTest : public ServerTest {
 protected:
  grpc::Status Send(const std::string& method, const std::string& bytes) {
    return CallRaw(channel_, "/vitok.v1.Tokenizer/" + method, bytes).status;
  }
};

TEST_F(BadMessageTest, F23_RefusesBytesThatAreNoMessage) {
  StartServer();
  const std::string nested(10'000, '\x0b');  // groups in groups
  for (const char* method : {"Encode", "Decode", "Reconstruct"}) {
    for (const std::string& bytes : {std::string("\x12\x7fshort"), std::string(100, '\xff'), nested}) {
      const grpc::Status status = Send(method, bytes);
      EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << status.error_message();
      EXPECT_THAT(status.error_message(), HasSubstr("must be a message of type vitok.v1."));
    }
  }
  // gRPC reads these messages, and this is what it says of them.
  EXPECT_EQ(Send("ListModels", "\x12\x7fshort").error_code(), grpc::StatusCode::UNIMPLEMENTED);
  ExpectGoodService();
}

TEST_F(BadMessageTest, F23_RefusesStringsThatAreNoUtf8) {
  StartServer();
  const std::string good = EncodeOf(Raw(Image(2, 2))).SerializeAsString();
  const grpc::Status model = Send("Encode", good + std::string("\x0a\x02\xff\xfe"));
  EXPECT_EQ(model.error_code(), grpc::StatusCode::NOT_FOUND) << model.error_message();
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(model.error_details()));
  EXPECT_THAT(details.message(), HasSubstr("\\xff\\xfe")) << "in characters that a message may have";
  const grpc::Status preprocess = Send("Encode", good + std::string("\x1a\x02\xff\xfe"));
  EXPECT_EQ(preprocess.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << preprocess.error_message();
  ExpectGoodService();
}

TEST_F(BadMessageTest, F23_RefusesEnumsThatItDoesNotKnow) {
  StartServer();
  const v1::EncodeRequest good = EncodeOf(Raw(Image(2, 2)));
  v1::EncodeRequest request = good;
  request.set_latent_dtype(static_cast<v1::DType>(77));
  ExpectInvalid(Encode(request), "latent_dtype");
  request = good;
  request.set_latent_layout(static_cast<v1::LatentLayout>(-1));
  ExpectInvalid(Encode(request), "latent_layout");
  request = good;
  request.set_priority(static_cast<v1::Priority>(77));
  ExpectInvalid(Encode(request), "priority");
  request = good;
  request.mutable_images(0)->mutable_raw()->set_dtype(static_cast<v1::DType>(77));
  ExpectInvalid(Encode(request), "images[0].raw.dtype");
}

TEST_F(BadMessageTest, F23_RefusesAMillionItemsAndKeepsNoneOfThem) {
  StartServer();
  std::string bytes;
  for (int i = 0; i < 1'000'000; ++i) bytes += std::string("\x12\0", 2);
  const int64_t bytes_before = ResidentBytes();
  for (int round = 0; round < 4; ++round) {
    const grpc::Status status = Send("Encode", bytes);
    EXPECT_THAT(status.error_message(), HasSubstr("has 1000000"));
    ExpectInvalid(status, "images");
  }
  if (kMemoryIsMeasurable) {
    EXPECT_LT(ResidentBytes() - bytes_before, int64_t{32} << 20) << "parsed, they would take 80 MiB";
  }
}

TEST_F(BadMessageTest, F23_ServesOthersWhileStreamsStayOpenWithoutAMessage) {
  StartServer();
  ExpectGoodService();
  const size_t threads = CountEntries("/proc/self/task");
  using Stream = grpc::ClientReaderWriter<v1::EncodeStreamRequest, v1::EncodeStreamResponse>;
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 200; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    streams.push_back(stub_->EncodeStream(contexts.back().get()));
  }
  for (int i = 0; i < 5; ++i) ExpectGoodService();
  EXPECT_LE(CountEntries("/proc/self/task"), threads + 8) << "a stream must not take a thread";
  for (int i = 0; i < 200; ++i) {
    contexts[i]->TryCancel();
    EXPECT_EQ(streams[i]->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  ExpectGoodService();
  EXPECT_TRUE(server_->Shutdown()) << "none of them holds it up";
}

}  // namespace
}  // namespace vitok
