#include "client/tokenizer_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "client/tokenizer_client.h"
#include "tests/client/fake_service.h"
#include "tests/support/temp_folder.h"

namespace vitok {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Stream = FakeService::EncodeStreamOfServer;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

// As many tokens as the picture file has bytes.
grpc::Status Encode(const v1::EncodeRequest& request, v1::EncodeResponse& response) {
  v1::EncodeResult& result = *response.add_results();
  v1::Tensor& z = *result.mutable_latents()->mutable_z();
  z.set_dtype(v1::DTYPE_FLOAT16);
  z.add_shape(1);
  z.set_data("ab");
  result.set_tokens(static_cast<int64_t>(request.images(0).encoded().size()));
  return grpc::Status::OK;
}

void Answer(const v1::EncodeStreamRequest& request, Stream& stream) {
  v1::EncodeStreamResponse reply;
  reply.set_id(request.id());
  Encode(request.request(), *reply.mutable_response());
  stream.Write(reply);
}

grpc::Status ReadTheRest(Stream& stream) {
  v1::EncodeStreamRequest request;
  while (stream.Read(&request)) continue;
  return grpc::Status::OK;
}

// What a stream told of its items.
class Results {
 public:
  EncodeStream::OnResult OnResult() {
    return [this](uint64_t id, absl::StatusOr<EncodeResult> result) {
      EXPECT_TRUE(results_.emplace(id, std::move(result)).second) << "item " << id << " was told twice";
    };
  }

  // After Finish or the end of the stream only.
  size_t size() const { return results_.size(); }
  absl::Status status(uint64_t id) const { return results_.at(id).status(); }
  int64_t tokens(uint64_t id) const { return results_.at(id).ok() ? results_.at(id)->tokens : -1; }
  const EncodeResult& result(uint64_t id) const { return *results_.at(id); }

 private:
  std::map<uint64_t, absl::StatusOr<EncodeResult>> results_;
};

class TokenizerStreamTest : public ::testing::Test {
 protected:
  std::unique_ptr<EncodeStream> Open(const StreamOptions& options = {}) {
    return *client_->OpenEncodeStream(results_.OnResult(), {.model = "m"}, options);
  }

  FakeService service_;
  FakeServer server_{&service_};
  std::unique_ptr<TokenizerClient> client_ = *TokenizerClient::Create(server_.target());
  Results results_;
};

TEST_F(TokenizerStreamTest, TellsEachItemItsResultWhateverTheOrder) {
  constexpr int kItems = 5;
  std::string model;
  service_.on_encode_stream = [&](grpc::ServerContext&, Stream& stream) {
    std::vector<v1::EncodeStreamRequest> requests(kItems);
    for (v1::EncodeStreamRequest& request : requests) stream.Read(&request);
    model = requests[0].request().model();
    for (int i = kItems - 1; i >= 0; --i) Answer(requests[i], stream);
    return ReadTheRest(stream);
  };
  const std::unique_ptr<EncodeStream> stream = Open();
  for (int i = 0; i < kItems; ++i) {
    ASSERT_TRUE(stream->Send(1000 + i, EncodedImage{std::string(i + 1, 'x')}).ok());
  }
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
  EXPECT_EQ(model, "m");
  ASSERT_EQ(results_.size(), kItems);
  for (int i = 0; i < kItems; ++i) EXPECT_EQ(results_.tokens(1000 + i), i + 1);
  EXPECT_EQ(results_.result(1000).latents.z.data, "ab");
  EXPECT_GT(results_.result(1000).timings.round_trip, absl::ZeroDuration());
}

TEST_F(TokenizerStreamTest, DecodesAndReconstructs) {
  const auto give_picture = [](v1::PictureResult& result) {
    result.mutable_picture()->set_encoded("a file");
    result.set_tokens(3);
    return grpc::Status::OK;
  };
  service_.on_decode = [&](const v1::DecodeRequest& request, v1::DecodeResponse& response) {
    EXPECT_EQ(request.picture().format(), v1::PIXEL_FORMAT_PNG);
    EXPECT_EQ(request.latents(0).z().data(), "ab");
    return give_picture(*response.add_results());
  };
  service_.on_reconstruct = [&](const v1::ReconstructRequest& request, v1::ReconstructResponse& response) {
    EXPECT_EQ(request.preprocess(), "to_tensor");
    EXPECT_EQ(request.images(0).encoded(), "x");
    return give_picture(*response.add_results());
  };
  int pictures = 0;
  const auto on_result = [&](uint64_t id, const absl::StatusOr<PictureResult>& result) {
    EXPECT_EQ(id, 7);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(std::get<EncodedImage>(result->picture.content).bytes, "a file");
    ++pictures;
  };
  const auto decode = *client_->OpenDecodeStream(on_result, {.format = PixelFormat::kPng});
  EXPECT_TRUE(decode->Send(7, Latents{.z = {DType::kFloat16, {1, 1}, "ab"}}).ok());
  EXPECT_EQ(decode->Finish(), absl::OkStatus());
  const auto reconstruct = *client_->OpenReconstructStream(on_result, {.preprocess = "to_tensor"});
  EXPECT_TRUE(reconstruct->Send(7, EncodedImage{"x"}).ok());
  EXPECT_EQ(reconstruct->Finish(), absl::OkStatus());
  EXPECT_EQ(pictures, 2);
}

TEST_F(TokenizerStreamTest, FinishesWithoutItems) {
  service_.on_encode = Encode;
  EXPECT_EQ(Open()->Finish(), absl::OkStatus());
}

TEST_F(TokenizerStreamTest, LetsSendWaitWhileTooManyAreUnanswered) {
  std::atomic<int> sent = 0;
  absl::Notification two_sent;
  service_.on_encode_stream = [&](grpc::ServerContext&, Stream& stream) {
    v1::EncodeStreamRequest first;
    stream.Read(&first);
    two_sent.WaitForNotification();
    EXPECT_EQ(sent, 2);
    Answer(first, stream);
    return service_.AnswerAll(Encode, stream);
  };
  const std::unique_ptr<EncodeStream> stream = Open({.max_in_flight = 2});
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(stream->Send(i, EncodedImage{"x"}).ok());
    if (++sent == 2) two_sent.Notify();
  }
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
  EXPECT_EQ(results_.size(), 10);
}

TEST_F(TokenizerStreamTest, ReadsNoFurtherThanItsUserDoes) {
  // The user takes its time over the first result: two more may be in flight.
  absl::Notification three_answered, resumed;
  service_.on_encode_stream = [&](grpc::ServerContext&, Stream& stream) {
    v1::EncodeStreamRequest request;
    for (int i = 0; stream.Read(&request); ++i) {
      if (i == 3) {
        EXPECT_TRUE(resumed.HasBeenNotified());
      }
      Answer(request, stream);
      if (i == 2) three_answered.Notify();
    }
    return grpc::Status::OK;
  };
  std::atomic<int> results = 0;
  const auto stream = *client_->OpenEncodeStream(
      [&](uint64_t, const absl::StatusOr<EncodeResult>&) {
        resumed.WaitForNotification();
        ++results;
      },
      {}, {.max_in_flight = 2});
  std::thread sender([&] {
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(stream->Send(i, EncodedImage{"x"}).ok());
  });
  three_answered.WaitForNotification();
  EXPECT_EQ(results, 0);
  resumed.Notify();
  sender.join();
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
  EXPECT_EQ(results, 10);
}

TEST_F(TokenizerStreamTest, FailsAnItemForItself) {
  service_.on_encode = [](const v1::EncodeRequest& request, v1::EncodeResponse& response) {
    if (request.images(0).encoded() == "bad") return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "no picture");
    if (request.images(0).encoded() == "none") return grpc::Status::OK;
    return Encode(request, response);
  };
  const std::unique_ptr<EncodeStream> stream = Open();
  ASSERT_TRUE(stream->Send(1, EncodedImage{"bad"}).ok());
  ASSERT_TRUE(stream->Send(2, EncodedImage{"none"}).ok());
  ASSERT_TRUE(stream->Send(3, EncodedImage{"good"}).ok());
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
  EXPECT_EQ(results_.status(1), absl::InvalidArgumentError("no picture"));
  EXPECT_THAT(Message(results_.status(2)), HasSubstr("0 results for 1 items"));
  EXPECT_EQ(results_.tokens(3), 4);
}

TEST_F(TokenizerStreamTest, SendsARefusedItemAgainWhenTheServerAsksForIt) {
  service_.on_encode = [this](const v1::EncodeRequest& request, v1::EncodeResponse& response) {
    if (service_.call_times().size() < 3) {
      return ErrorWithDetails(grpc::StatusCode::RESOURCE_EXHAUSTED, "queue full", RetryAfter(absl::Milliseconds(30)));
    }
    return Encode(request, response);
  };
  const std::unique_ptr<EncodeStream> stream = Open();
  ASSERT_TRUE(stream->Send(1, EncodedImage{"x"}).ok());
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
  EXPECT_EQ(results_.tokens(1), 1);
  const std::vector<absl::Time> times = service_.call_times();
  ASSERT_EQ(times.size(), 3);
  EXPECT_GE(times[2] - times[0], absl::Milliseconds(60));
}

TEST_F(TokenizerStreamTest, LeavesRefusalsToACallerWhoWantsThem) {
  service_.on_encode = [](const v1::EncodeRequest&, v1::EncodeResponse&) {
    return ErrorWithDetails(grpc::StatusCode::RESOURCE_EXHAUSTED, "queue full", RetryAfter(absl::Milliseconds(1)));
  };
  client_ = *TokenizerClient::Create(server_.target(), {.retry = false});
  const std::unique_ptr<EncodeStream> stream = Open();
  ASSERT_TRUE(stream->Send(1, EncodedImage{"x"}).ok());
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
  EXPECT_TRUE(absl::IsResourceExhausted(results_.status(1)));
  EXPECT_EQ(service_.call_times().size(), 1);
}

TEST_F(TokenizerStreamTest, FailsUnansweredItemsWithTheStream) {
  service_.on_encode_stream = [](grpc::ServerContext&, Stream& stream) {
    v1::EncodeStreamRequest request;
    stream.Read(&request);
    Answer(request, stream);
    stream.Read(&request);
    return grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "no longer");
  };
  const std::unique_ptr<EncodeStream> stream = Open();
  ASSERT_TRUE(stream->Send(1, EncodedImage{"x"}).ok());
  ASSERT_TRUE(stream->Send(2, EncodedImage{"x"}).ok());
  const absl::Status error = absl::PermissionDeniedError("no longer");
  EXPECT_EQ(stream->Finish(), error);
  EXPECT_EQ(results_.size(), 2);
  EXPECT_EQ(results_.tokens(1), 1);
  EXPECT_EQ(results_.status(2), error);
}

TEST_F(TokenizerStreamTest, TellsSendersThatTheServerEndedTheStream) {
  service_.on_encode_stream = [](grpc::ServerContext&, Stream&) { return grpc::Status::OK; };
  const std::unique_ptr<EncodeStream> stream = Open();
  absl::Status status;
  for (uint64_t id = 0; status.ok(); ++id) status = stream->Send(id, EncodedImage{"x"});
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_THAT(Message(status), HasSubstr("ended the stream"));
}

TEST_F(TokenizerStreamTest, SaysThatThereIsNoServer) {
  TempFolder folder;
  const std::string target = "unix:" + (folder / "none");
  client_ = *TokenizerClient::Create(target);
  const absl::Status status = Open()->Finish();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_THAT(Message(status), StartsWith("no server at " + target));
}

TEST_F(TokenizerStreamTest, EndsAtItsDeadline) {
  service_.on_encode_stream = [](grpc::ServerContext&, Stream& stream) { return ReadTheRest(stream); };
  const std::unique_ptr<EncodeStream> stream = Open({.deadline = absl::Milliseconds(50)});
  (void)stream->Send(1, EncodedImage{"x"});  // late on a busy machine
  const absl::Status status = stream->Finish();
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  EXPECT_THAT(Message(status), HasSubstr("EncodeStream on " + server_.target() + " did not finish within 50ms"));
  for (uint64_t id = 1; id <= results_.size(); ++id) EXPECT_EQ(results_.status(id), status);
}

TEST_F(TokenizerStreamTest, CanBeCancelledWhileOneThreadWaits) {
  absl::Notification arrived;
  service_.on_encode_stream = [&](grpc::ServerContext&, Stream& stream) {
    v1::EncodeStreamRequest request;
    stream.Read(&request);
    arrived.Notify();
    return ReadTheRest(stream);
  };
  const std::unique_ptr<EncodeStream> stream = Open({.max_in_flight = 1});
  ASSERT_TRUE(stream->Send(1, EncodedImage{"x"}).ok());
  std::thread sender([&] { EXPECT_TRUE(absl::IsCancelled(stream->Send(2, EncodedImage{"x"}))); });
  arrived.WaitForNotification();
  stream->Cancel();
  sender.join();
  EXPECT_TRUE(absl::IsCancelled(stream->Finish()));
  EXPECT_EQ(results_.size(), 1);
  EXPECT_TRUE(absl::IsCancelled(results_.status(1)));
}

TEST_F(TokenizerStreamTest, IsCancelledWhenItIsDestroyed) {
  absl::Notification arrived, ended;
  bool cancelled = false;
  service_.on_encode_stream = [&](grpc::ServerContext& context, Stream& stream) {
    v1::EncodeStreamRequest request;
    stream.Read(&request);
    arrived.Notify();
    const grpc::Status status = ReadTheRest(stream);
    cancelled = context.IsCancelled();
    ended.Notify();
    return status;
  };
  std::unique_ptr<EncodeStream> stream = Open();
  ASSERT_TRUE(stream->Send(1, EncodedImage{"x"}).ok());
  arrived.WaitForNotification();
  stream.reset();
  EXPECT_TRUE(absl::IsCancelled(results_.status(1)));
  ended.WaitForNotification();
  EXPECT_TRUE(cancelled);
}

// A server that takes nothing must not keep the stream from its end.
TEST_F(TokenizerStreamTest, EndsWhileAWriteIsStuck) {
  const auto cancelled = std::make_shared<absl::Notification>();  // shared with the handler, which may outlast the test
  service_.on_encode_stream = [cancelled](grpc::ServerContext&, Stream&) {
    cancelled->WaitForNotification();
    return grpc::Status::OK;
  };
  const std::unique_ptr<EncodeStream> stream = Open();
  for (int i = 0; i < 64; ++i) ASSERT_TRUE(stream->Send(i, EncodedImage{std::string(1 << 20, 'x')}).ok());
  stream->Cancel();
  EXPECT_TRUE(absl::IsCancelled(stream->Finish()));
  EXPECT_EQ(results_.size(), 64);
  cancelled->Notify();
}

TEST_F(TokenizerStreamTest, DoesNotTrustIdsOfTheServer) {
  service_.on_encode_stream = [](grpc::ServerContext&, Stream& stream) {
    v1::EncodeStreamRequest request;
    stream.Read(&request);
    request.set_id(99);
    Answer(request, stream);
    return ReadTheRest(stream);
  };
  const std::unique_ptr<EncodeStream> stream = Open();
  ASSERT_TRUE(stream->Send(1, EncodedImage{"x"}).ok());
  const absl::Status status = stream->Finish();
  EXPECT_TRUE(absl::IsInternal(status));
  EXPECT_THAT(Message(status), HasSubstr("item 99 was answered and not asked"));
  EXPECT_EQ(results_.status(1), status);
}

TEST_F(TokenizerStreamTest, RefusesIdsInUseAndItemsAfterTheEnd) {
  absl::Notification tried;
  service_.on_encode_stream = [&](grpc::ServerContext&, Stream& stream) {
    tried.WaitForNotification();
    return service_.AnswerAll(Encode, stream);
  };
  const std::unique_ptr<EncodeStream> stream = Open();
  ASSERT_TRUE(stream->Send(1, EncodedImage{"x"}).ok());
  EXPECT_EQ(stream->Send(1, EncodedImage{"xx"}), absl::InvalidArgumentError("item 1 is unanswered; ids must differ"));
  tried.Notify();
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
  EXPECT_EQ(results_.tokens(1), 1);
  EXPECT_TRUE(absl::IsFailedPrecondition(stream->Send(2, EncodedImage{"x"})));
}

TEST_F(TokenizerStreamTest, ShowsItsToken) {
  std::string token;
  service_.on_encode_stream = [&](grpc::ServerContext& context, Stream& stream) {
    const auto found = context.client_metadata().find("authorization");
    if (found != context.client_metadata().end()) token = std::string(found->second.data(), found->second.size());
    return ReadTheRest(stream);
  };
  client_ = *TokenizerClient::Create(server_.target(), {.token = "secret"});
  EXPECT_EQ(Open()->Finish(), absl::OkStatus());
  EXPECT_EQ(token, "Bearer secret");
}

TEST_F(TokenizerStreamTest, RefusesOptionsOutOfRange) {
  const auto open = [&](const StreamOptions& options) {
    return client_->OpenEncodeStream(results_.OnResult(), {}, options).status();
  };
  EXPECT_EQ(open({.max_in_flight = 0}), absl::InvalidArgumentError("max_in_flight must be positive; was 0"));
  EXPECT_EQ(open({.deadline = absl::ZeroDuration()}),
            absl::InvalidArgumentError("deadline of the stream must be positive; was 0"));
}

}  // namespace
}  // namespace vitok
