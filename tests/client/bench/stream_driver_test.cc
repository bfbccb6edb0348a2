#include "client/bench/stream_driver.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "tests/client/bench/load_driver_fixtures.h"

namespace vitok {
namespace {

using Stream = FakeService::EncodeStreamOfServer;

void Answer(const v1::EncodeStreamRequest& request, Stream& stream) {
  v1::EncodeStreamResponse reply;
  reply.set_id(request.id());
  Succeed(request.request(), *reply.mutable_response());
  stream.Write(reply);
}

class StreamDriverTest : public LoadDriverFixture {};

TEST_F(StreamDriverTest, GivesEachRequestItsReplyWhateverTheOrder) {
  constexpr int kRequests = 5;
  service_.on_encode_stream = [](grpc::ServerContext&, Stream& stream) {
    std::vector<v1::EncodeStreamRequest> requests(kRequests);
    for (v1::EncodeStreamRequest& request : requests) stream.Read(&request);
    for (int i = kRequests - 1; i >= 0; --i) Answer(requests[i], stream);
    return grpc::Status::OK;
  };
  std::vector<PreparedRequest> requests;
  for (int i = 0; i < kRequests; ++i) requests.push_back(MakeRequest(std::string(i + 1, 'x')));
  std::vector<int64_t> tokens(kRequests);
  LoadDriverOptions options = Options();
  options.deadline = absl::Hours(1);  // sanitizers take minutes for so many bytes on a busy machine
  StreamDriver driver(options, 1);
  absl::BlockingCounter done(kRequests);
  for (int i = 0; i < kRequests; ++i) {
    driver.Send(requests[i], [&, i](const RequestOutcome& outcome) {
      tokens[i] = outcome.reply.tokens;
      done.DecrementCount();
    });
  }
  done.Wait();
  EXPECT_EQ(tokens, std::vector<int64_t>({1, 2, 3, 4, 5}));
}

TEST_F(StreamDriverTest, TakesTheStatusOfAReplyForItsRequestAlone) {
  std::atomic<int> streams = 0;
  service_.on_encode = [](const v1::EncodeRequest& request, v1::EncodeResponse& response) {
    if (request.images_size() == 2) return grpc::Status(grpc::StatusCode::NOT_FOUND, "no such model");
    return Encode(request, response);
  };
  service_.on_encode_stream = [&](grpc::ServerContext&, Stream& stream) {
    ++streams;
    return service_.AnswerAll(service_.on_encode, stream);
  };
  StreamDriver driver(Options(), 1);
  EXPECT_EQ(SendAndWait(driver, MakeRequest("1", 2)).status, absl::NotFoundError("no such model"));
  EXPECT_TRUE(SendAndWait(driver, request_).status.ok());
  EXPECT_EQ(streams, 1);
}

TEST_F(StreamDriverTest, SharesRequestsOutOverServersAndStreams) {
  FakeService others;
  FakeServer other(&others);
  std::atomic<int> streams = 0, other_streams = 0;
  for (auto [service, count] : {std::pair{&service_, &streams}, std::pair{&others, &other_streams}}) {
    service->on_encode_stream = [service = service, count = count](grpc::ServerContext&, Stream& stream) {
      ++*count;
      return service->AnswerAll(Encode, stream);
    };
  }
  LoadDriverOptions options = Options();
  options.servers.push_back(other.target());
  options.connections = 2;
  options.threads = 2;
  StreamDriver driver(options, 6);
  driver.Connect(absl::Seconds(60));
  for (int i = 0; i < 12; ++i) EXPECT_TRUE(SendAndWait(driver, request_).status.ok());
  EXPECT_EQ(service_.call_times().size(), 6);
  EXPECT_EQ(others.call_times().size(), 6);
  EXPECT_EQ(streams, 3);
  EXPECT_EQ(other_streams, 3);
}

TEST_F(StreamDriverTest, GoesToTheNextServerWhereverTheNextStreamLeads) {
  TempFolder folder;
  FakeService draining;
  FakeServer draining_server(&draining);
  draining.on_encode = [](const v1::EncodeRequest&, v1::EncodeResponse&) { return Draining(); };
  service_.on_encode = Encode;
  // The fourth and fifth stream lead to the first and second server.
  StreamDriver driver(
      {.servers = {"unix:" + (folder / "none"), draining_server.target(), server_.target()}, .retry = true}, 5);
  for (const int retries : {2, 1, 0, 2, 1}) {
    const RequestOutcome outcome = SendAndWait(driver, request_);
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(outcome.retries, retries);
  }
}

TEST_F(StreamDriverTest, FailsWhatABrokenStreamLeavesUnanswered) {
  // Of three requests that were taken, one is answered.
  service_.on_encode_stream = [](grpc::ServerContext&, Stream& stream) {
    v1::EncodeStreamRequest first, request;
    stream.Read(&first);
    stream.Read(&request);
    stream.Read(&request);
    Answer(first, stream);
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone");
  };
  StreamDriver driver(Options(), 1);
  absl::BlockingCounter done(3);
  std::atomic<int> ok = 0, unreachable = 0;
  for (int i = 0; i < 3; ++i) {
    driver.Send(request_, [&](const RequestOutcome& outcome) {
      if (outcome.status.ok()) ++ok;
      if (outcome.unreachable) ++unreachable;
      done.DecrementCount();
    });
  }
  done.Wait();
  EXPECT_EQ(ok, 1);
  EXPECT_EQ(unreachable, 2);
  service_.on_encode_stream = nullptr;
  service_.on_encode = Encode;
  EXPECT_TRUE(SendAndWait(driver, request_).status.ok());  // over a new stream
}

TEST_F(StreamDriverTest, SendsElsewhereWhatABrokenStreamLeavesUnanswered) {
  FakeService others;
  FakeServer other(&others);
  others.on_encode = Encode;
  service_.on_encode_stream = [](grpc::ServerContext&, Stream& stream) {
    v1::EncodeStreamRequest request;
    stream.Read(&request);
    return grpc::Status::OK;  // which is no answer
  };
  LoadDriverOptions options = Options();
  options.servers.push_back(other.target());
  options.retry = true;
  StreamDriver driver(options, 2);
  const RequestOutcome outcome = SendAndWait(driver, request_);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.retries, 1);
}

TEST_F(StreamDriverTest, WaitsForAServerThatTakesNoMore) {
  // More than all buffers between here and there hold.
  constexpr int kRequests = 64;
  const PreparedRequest request = MakeRequest(std::string(1 << 20, 'x'));
  absl::Notification read;
  std::atomic<int> answered = 0;
  service_.on_encode_stream = [&](grpc::ServerContext&, Stream& stream) {
    read.WaitForNotification();
    return service_.AnswerAll(Encode, stream);
  };
  LoadDriverOptions options = Options();
  options.deadline = absl::Hours(1);  // sanitizers take minutes for so many bytes on a busy machine
  StreamDriver driver(options, 1);
  absl::BlockingCounter done(kRequests);
  for (int i = 0; i < kRequests; ++i) {
    driver.Send(request, [&](const RequestOutcome& outcome) {
      EXPECT_TRUE(outcome.status.ok()) << outcome.status;
      ++answered;
      done.DecrementCount();
    });
  }
  EXPECT_EQ(answered, 0);
  read.Notify();
  done.Wait();
}

TEST_F(StreamDriverTest, FailsRequestsThatPassTheirDeadlineAndGoesOnWithTheStream) {
  absl::Notification failed;
  service_.on_encode_stream = [&](grpc::ServerContext&, Stream& stream) {
    v1::EncodeStreamRequest request;
    stream.Read(&request);
    failed.WaitForNotification();
    Answer(request, stream);  // to nobody
    return service_.AnswerAll(Encode, stream);
  };
  LoadDriverOptions options = Options();
  options.deadline = absl::Milliseconds(200);
  StreamDriver driver(options, 1);
  EXPECT_TRUE(absl::IsDeadlineExceeded(SendAndWait(driver, MakeRequest("late")).status));
  failed.Notify();
  // On a machine that is busy for so long this may be late too.
  RequestOutcome outcome = SendAndWait(driver, request_);
  while (absl::IsDeadlineExceeded(outcome.status)) outcome = SendAndWait(driver, request_);
  EXPECT_EQ(outcome.reply.tokens, 5);
}

TEST_F(StreamDriverTest, CancelsRequestsThatWaitForTheServerOrForTheirRetry) {
  absl::Notification release;
  absl::BlockingCounter arrived(2);
  service_.on_encode_stream = [&](grpc::ServerContext&, Stream& stream) {
    for (int i = 0; i < 2; ++i) {
      v1::EncodeStreamRequest request;
      stream.Read(&request);
      arrived.DecrementCount();
      if (request.request().images(0).encoded() != "refused") continue;
      v1::EncodeStreamResponse reply;
      reply.set_id(request.id());
      reply.mutable_status()->ParseFromString(Refusal(absl::Minutes(30)).error_details());
      stream.Write(reply);
    }
    release.WaitForNotification();
    return service_.AnswerAll(Encode, stream);
  };
  LoadDriverOptions options = Options();
  options.deadline = absl::Hours(1);
  options.retry = true;
  StreamDriver driver(options, 1);
  const PreparedRequest refused = MakeRequest("refused");
  absl::BlockingCounter done(2);
  for (const PreparedRequest* request : {&request_, &refused}) {
    driver.Send(*request, [&done](const RequestOutcome& outcome) {
      EXPECT_FALSE(outcome.status.ok());
      done.DecrementCount();
    });
  }
  arrived.Wait();
  driver.CancelAll();
  done.Wait();
  release.Notify();
  EXPECT_TRUE(SendAndWait(driver, request_).status.ok());  // the stream is as good as before
}

TEST_F(StreamDriverTest, FailsAllRequestsOfAStreamWhoseReplyNobodyCanRead) {
  service_.on_encode_stream = [](grpc::ServerContext&, Stream& stream) {
    v1::EncodeStreamRequest request;
    stream.Read(&request);
    v1::EncodeStreamResponse reply;
    reply.set_id(request.id());
    reply.mutable_status()->set_message("\xff");  // no UTF-8
    stream.Write(reply);
    while (stream.Read(&request)) continue;
    return grpc::Status::OK;
  };
  StreamDriver driver(Options(), 1);
  const RequestOutcome outcome = SendAndWait(driver, request_);
  EXPECT_TRUE(absl::IsInternal(outcome.status)) << outcome.status;
}

TEST_F(StreamDriverTest, EndsItsStreamsInPeace) {
  absl::Notification ended;
  bool cancelled = true;
  service_.on_encode_stream = [&](grpc::ServerContext& context, Stream& stream) {
    const grpc::Status status = service_.AnswerAll(Encode, stream);
    cancelled = context.IsCancelled();
    ended.Notify();
    return status;
  };
  {
    StreamDriver driver(Options(), 1);
    EXPECT_TRUE(SendAndWait(driver, request_).status.ok());
  }
  ended.WaitForNotification();
  EXPECT_FALSE(cancelled);
}

}  // namespace
}  // namespace vitok
