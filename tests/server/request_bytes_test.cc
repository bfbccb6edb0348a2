#include "server/request_bytes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/byte_buffer.h"
#include "vitok/v1/tokenizer.pb.h"

namespace vitok {
namespace {

using ::testing::HasSubstr;

v1::EncodeRequest SomeRequest() {
  v1::EncodeRequest request;
  request.set_model("tiny:3");
  request.add_images()->set_encoded(std::string(1000, 'x'));
  request.set_preprocess("to_tensor");
  return request;
}

TEST(RequestBytesTest, PeeksAtAStringInPiecesOfAnySize) {
  const std::string bytes = SomeRequest().SerializeAsString();
  for (const size_t piece : {1, 2, 7, 100, 5000}) {
    EXPECT_EQ(PeekString(InPieces(bytes, piece), v1::EncodeRequest::kModelFieldNumber), "tiny:3");
    EXPECT_EQ(PeekString(InPieces(bytes, piece), v1::EncodeRequest::kPreprocessFieldNumber), "to_tensor");
    EXPECT_EQ(PeekString(InPieces(bytes, piece), 100), "");
  }
}

TEST(RequestBytesTest, F23_PeeksAtNothingInWhatIsNoMessage) {
  for (const std::string& bytes : {std::string(), std::string("\xff\xff\xff"), std::string("\x0a\x7fshort"),
                                   std::string("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")}) {
    EXPECT_EQ(PeekString(InPieces(bytes, 2), 5), "");
  }
}

TEST(RequestBytesTest, CountsTheMessagesOfAFieldInPiecesOfAnySize) {
  v1::EncodeRequest request = SomeRequest();
  for (int i = 0; i < 4; ++i) request.add_images();
  for (const size_t piece : {1, 2, 7, 100, 5000}) {
    const grpc::ByteBuffer bytes = InPieces(request.SerializeAsString(), piece);
    EXPECT_EQ(CountMessages(bytes, v1::EncodeRequest::kImagesFieldNumber), 5);
    EXPECT_EQ(CountMessages(bytes, 100), 0);
  }
  EXPECT_EQ(CountMessages(InPieces(std::string("\x12\0\x12\x7fshort", 9), 100), 2), 2) << "and no more of it";
  EXPECT_EQ(CountMessages(grpc::ByteBuffer(), 2), 0);
}

TEST(RequestBytesTest, ParsesAMessageInPieces) {
  const v1::EncodeRequest request = SomeRequest();
  for (const size_t piece : {1, 64, 5000}) {
    v1::EncodeRequest parsed;
    ASSERT_TRUE(ParseMessage(InPieces(request.SerializeAsString(), piece), &parsed).ok());
    EXPECT_EQ(parsed.SerializeAsString(), request.SerializeAsString());
  }
  v1::EncodeRequest empty;
  EXPECT_TRUE(ParseMessage(grpc::ByteBuffer(), &empty).ok());
}

TEST(RequestBytesTest, F23_SaysWhatItCouldNotParse) {
  v1::EncodeRequest parsed;
  const absl::Status status = ParseMessage(InPieces("\x0a\x7fshort", 100), &parsed);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("vitok.v1.EncodeRequest; its 7 bytes"));
}

TEST(RequestBytesTest, OpensAnEnvelopeWithoutTouchingTheRequest) {
  v1::EncodeStreamRequest message;
  message.set_id(300);
  *message.mutable_request() = SomeRequest();
  for (const size_t piece : {1, 3, 64, 5000}) {
    const absl::StatusOr<Envelope> envelope = OpenEnvelope(InPieces(message.SerializeAsString(), piece));
    ASSERT_TRUE(envelope.ok()) << envelope.status();
    EXPECT_EQ(envelope->id, 300);
    EXPECT_EQ(Joined(envelope->request), SomeRequest().SerializeAsString());
  }
}

TEST(RequestBytesTest, OpensEnvelopesWithPartsMissing) {
  v1::EncodeStreamRequest message;
  EXPECT_EQ(OpenEnvelope(grpc::ByteBuffer())->id, 0);
  message.set_id(7);
  const absl::StatusOr<Envelope> envelope = OpenEnvelope(InPieces(message.SerializeAsString(), 10));
  ASSERT_TRUE(envelope.ok());
  EXPECT_EQ(envelope->id, 7);
  EXPECT_EQ(envelope->request.Length(), 0);
}

TEST(RequestBytesTest, F23_RefusesWhatIsNoEnvelope) {
  for (const std::string& bytes : {std::string("\xff"), std::string("\x12\x7fshort"), std::string("\x08"),
                                   std::string("\x12\xff\xff\xff\xff\x0f")}) {
    EXPECT_EQ(OpenEnvelope(InPieces(bytes, 100)).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace vitok
