#include "client/bench/reply_summary.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/byte_buffer.h"
#include "vitok/v1/tokenizer.pb.h"

namespace vitok {
namespace {

template <typename Message>
absl::StatusOr<ReplySummary> Summarize(const Message& message) {
  return SummarizeReply(InPieces(message.SerializeAsString(), 7));
}

TEST(ReplySummaryTest, ReadsItemsTokensAndTimingsAroundThePayload) {
  v1::EncodeResponse response;
  response.set_model("tiny");
  for (int i = 0; i < 3; ++i) {
    v1::EncodeResult& result = *response.add_results();
    result.set_tokens(100 + i);
    result.mutable_latents()->mutable_z()->set_data(std::string(1000, '\x0a'));
    result.mutable_timings()->set_total_ns(5);
  }
  v1::Timings& timings = *response.mutable_timings();
  timings.set_preprocess_ns(1000);
  timings.set_queue_ns(2000);
  timings.set_total_ns(9000);
  const absl::StatusOr<ReplySummary> summary = Summarize(response);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->item_ok, std::vector<bool>({true, true, true}));
  EXPECT_TRUE(summary->first_error.ok());
  EXPECT_EQ(summary->tokens, 303);
  EXPECT_EQ(summary->timings.preprocess, absl::Microseconds(1));
  EXPECT_EQ(summary->timings.queue, absl::Microseconds(2));
  EXPECT_EQ(summary->timings.total, absl::Microseconds(9));
}

TEST(ReplySummaryTest, ReadsRepliesWithPictures) {
  v1::DecodeResponse response;
  v1::PictureResult& result = *response.add_results();
  result.mutable_picture()->set_encoded("a file");
  result.set_tokens(4);
  EXPECT_EQ(Summarize(response)->tokens, 4);
  v1::ReconstructResponse reconstructed;
  *reconstructed.add_results() = result;
  EXPECT_EQ(Summarize(reconstructed)->tokens, 4);
}

TEST(ReplySummaryTest, ReadsRepliesOfStreams) {
  v1::EncodeStreamResponse answer;
  answer.set_id(uint64_t{1} << 40);
  answer.mutable_response()->add_results()->set_tokens(7);
  answer.mutable_response()->mutable_timings()->set_total_ns(9000);
  absl::StatusOr<StreamReplySummary> summary = SummarizeStreamReply(InPieces(answer.SerializeAsString(), 7));
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->id, uint64_t{1} << 40);
  EXPECT_TRUE(summary->status.ok());
  EXPECT_EQ(summary->response.tokens, 7);
  EXPECT_EQ(summary->response.item_ok, std::vector<bool>({true}));
  EXPECT_EQ(summary->response.timings.total, absl::Microseconds(9));

  v1::DecodeStreamResponse refusal;
  refusal.set_id(3);
  refusal.mutable_status()->set_code(8);
  refusal.mutable_status()->set_message("queue full");
  refusal.mutable_status()->add_details()->set_type_url("url");
  summary = SummarizeStreamReply(InPieces(refusal.SerializeAsString(), 7));
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->id, 3);
  EXPECT_TRUE(absl::IsResourceExhausted(summary->status));
  EXPECT_EQ(summary->status.message(), "queue full");
  EXPECT_TRUE(summary->status.GetPayload("url").has_value());
  EXPECT_TRUE(summary->response.item_ok.empty());
}

TEST(ReplySummaryTest, RefusesADamagedReplyOfAStream) {
  v1::EncodeStreamResponse answer;
  answer.mutable_response()->add_results()->set_tokens(7);
  std::string bytes = answer.SerializeAsString();
  bytes.pop_back();
  EXPECT_TRUE(absl::IsInternal(SummarizeStreamReply(InPieces(bytes, 100)).status()));
}

TEST(ReplySummaryTest, KeepsTheFirstErrorAndCountsNoTokensOfFailedItems) {
  v1::EncodeResponse response;
  response.add_results()->set_tokens(1);
  for (const char* message : {"first", "second"}) {
    v1::EncodeResult& result = *response.add_results();
    result.set_tokens(1000);
    result.mutable_status()->set_code(static_cast<int>(absl::StatusCode::kInternal));
    result.mutable_status()->set_message(message);
  }
  const absl::StatusOr<ReplySummary> summary = Summarize(response);
  ASSERT_TRUE(summary.ok());
  EXPECT_EQ(summary->item_ok, std::vector<bool>({true, false, false}));
  EXPECT_EQ(summary->first_error, absl::InternalError("first"));
  EXPECT_EQ(summary->tokens, 1);
}

TEST(ReplySummaryTest, TakesAnEmptyReply) {
  const absl::StatusOr<ReplySummary> summary = SummarizeReply(InPieces("", 1));
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_TRUE(summary->item_ok.empty());
}

TEST(ReplySummaryTest, RefusesRepliesThatAreCutOff) {
  v1::EncodeResponse response;
  v1::EncodeResult& result = *response.add_results();
  result.set_tokens(300);
  result.mutable_latents()->mutable_z()->set_data(std::string(20, 'z'));
  const std::string bytes = response.SerializeAsString();
  for (size_t size = 1; size < bytes.size(); ++size) {
    EXPECT_TRUE(absl::IsInternal(SummarizeReply(InPieces(bytes.substr(0, size), 7)).status())) << size;
  }
  EXPECT_TRUE(absl::IsInternal(SummarizeReply(InPieces("not a message", 7)).status()));
}

}  // namespace
}  // namespace vitok
