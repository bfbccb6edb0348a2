#include "server/status_details.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "google/rpc/error_details.pb.h"

namespace vitok {
namespace {

using ::testing::EndsWith;
using ::testing::SizeIs;
using ::testing::StrEq;

google::rpc::Status DetailsOf(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

TEST(StatusDetailsTest, CarriesTheFieldOfABadRequestToTheWire) {
  const grpc::Status status = ToGrpcStatus(FieldError("images[2].raw.shape", "must be [H, W, 3]; was [4, 4]"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "images[2].raw.shape must be [H, W, 3]; was [4, 4]");
  const google::rpc::Status details = DetailsOf(status);
  EXPECT_EQ(details.code(), grpc::StatusCode::INVALID_ARGUMENT);
  google::rpc::BadRequest bad_request;
  ASSERT_THAT(details.details(), SizeIs(1));
  ASSERT_TRUE(details.details(0).UnpackTo(&bad_request));
  EXPECT_EQ(bad_request.field_violations(0).field(), "images[2].raw.shape");
  EXPECT_EQ(bad_request.field_violations(0).description(), "must be [H, W, 3]; was [4, 4]");
}

TEST(StatusDetailsTest, NamesTheFieldOfALowerLayersError) {
  const absl::Status invalid = AtField("images[0].encoded", absl::InvalidArgumentError("no picture file"));
  EXPECT_EQ(invalid.message(), "images[0].encoded: no picture file");
  EXPECT_EQ(ToRpcStatus(invalid).details_size(), 1);
  const absl::Status internal = AtField("images[0]", absl::InternalError("broken"));
  EXPECT_EQ(internal.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ToRpcStatus(internal).details_size(), 0);
}

TEST(StatusDetailsTest, ReadsBackWhatItWrites) {
  const absl::Status full = QueueFullError(kReasonQueueTokens, "queue is full", absl::Milliseconds(1250));
  EXPECT_EQ(RetryDelay(full), absl::Milliseconds(1250));
  EXPECT_EQ(ErrorReason(full), kReasonQueueTokens);
  EXPECT_EQ(ErrorReason(DrainingError()), kReasonDraining);
  EXPECT_EQ(DrainingError().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ErrorReason(absl::OkStatus()), "");
}

TEST(StatusDetailsTest, MapsEveryCodeToTheOneOfTheSameNumberAndName) {
  std::set<std::string_view> names;
  for (int code = 0; code <= 16; ++code) {
    EXPECT_EQ(ToRpcStatus(absl::Status(static_cast<absl::StatusCode>(code), "x")).code(), code);
    names.insert(CodeName(static_cast<absl::StatusCode>(code)));
  }
  EXPECT_THAT(names, SizeIs(17));
}

TEST(StatusDetailsTest, CutsLongMessagesBetweenCharacters) {
  std::string message = "x";
  for (int i = 0; i < 1000; ++i) message += "ä";
  const std::string cut = ToGrpcStatus(absl::InternalError(message)).error_message();
  EXPECT_EQ(WireMessage(absl::InternalError(message)), cut);
  EXPECT_LE(cut.size(), 1024);
  EXPECT_THAT(cut, EndsWith("ä..."));
}

}  // namespace
}  // namespace vitok
