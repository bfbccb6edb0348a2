#include "core/weights/hub_dataset.h"

#include <set>
#include <thread>

#include "core/base/str_cat.h"
#include "tests/core/weights/hub_dataset_fixture.h"
#include "tests/support/process_size.h"

namespace vitok {
namespace {

using httplib::Request;
using httplib::Response;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(HubDatasetTest, StreamsFromAnyByteToTheEnd) {
  for (const int64_t offset : {0, 1, 20'000, 69'999, 70'000, 80'000}) ExpectBytesFrom(offset);
  EXPECT_THAT(Ranges(), ElementsAre("", "bytes=1-", "bytes=20000-", "bytes=69999-"));
  EXPECT_EQ(ReadFrom(0, "hf://org/data/train/empty").bytes, "");
  EXPECT_EQ(ReadFrom(0, "hf://org/data/a.json").bytes, "{}") << "from the hub itself";
  EXPECT_EQ(ReadFrom(1, "hf://org/data/a.json").bytes, "}");
}

TEST_F(HubDatasetTest, ReadsLargeFilesWhole) {
  const std::string large = TestBytes(20'000'000, 3);
  hub_.AddCommit("datasets/org/large", "main", {{"x.tar", large}});
  const Outcome outcome = ReadFrom(5, "hf://org/large/x.tar");
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_TRUE(outcome.bytes == large.substr(5));
}

TEST_F(HubDatasetTest, PassesOverWhatHasCome) {
  const auto stream = OpenAt(0);
  ASSERT_TRUE(stream.ok()) << stream.status();
  std::string buffer(1'000, ' ');
  size_t at = 0;
  while (true) {
    const absl::StatusOr<int64_t> bytes = (*stream)->Read(absl::MakeSpan(buffer));
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    if (*bytes == 0) break;
    ASSERT_EQ(buffer.substr(0, *bytes), bytes_.substr(at, *bytes));
    at += *bytes;
    const absl::StatusOr<int64_t> skipped = (*stream)->Skip(777);
    ASSERT_TRUE(skipped.ok() && *skipped <= 777);
    at += *skipped;
  }
  EXPECT_EQ(at, bytes_.size());
  EXPECT_EQ(*(*stream)->Skip(1), 0);
}

TEST_F(HubDatasetTest, AsksForRevisionsByTheirNames) {
  hub_.AddCommit("datasets/org/data", "refs/convert/parquet", {{"default/train/0000.parquet", "PAR1"}});
  hub_.AddCommit("datasets/org/data", "v2", {{"train/0.tar", "newer"}});
  EXPECT_EQ(ReadFrom(0, "hf://org/data@refs%2Fconvert%2Fparquet/default/train/0000.parquet").bytes, "PAR1");
  EXPECT_EQ(ReadFrom(0, "hf://org/data@v2/train/0.tar").bytes, "newer");
  ExpectBytesFrom(0, "hf://org/data@" + commit_ + "/train/0.tar");
}

TEST_F(HubDatasetTest, AllFilesOfABranchAreOfOneCommit) {
  ExpectBytesFrom(0);
  hub_.AddCommit("datasets/org/data", "main", {{"train/0.tar", "newer"}, {"a.json", "[]"}});
  ExpectBytesFrom(0);
  EXPECT_EQ(ReadFrom(0, "hf://org/data/a.json").bytes, "{}");
  EXPECT_EQ(hub_.Count("HEAD"), 2) << "what is known is not asked again";
}

TEST_F(HubDatasetTest, TokenGoesToTheHubOnly) {
  options_.token = "hf_secret";
  ExpectBytesFrom(0);
  EXPECT_EQ((*openers().file(kName))->size_bytes(), 70'000);
  EXPECT_THAT(HeadersAt("hub", "authorization"), ElementsAre("Bearer hf_secret", "Bearer hf_secret"));
  EXPECT_THAT(HeadersAt("content", "authorization"), ElementsAre(""));
}

TEST_F(HubDatasetTest, MovedRepositoriesAreFollowedWithTheToken) {
  options_.token = "hf_secret";
  hub_.on_head = hub_.on_get = [](const Request& request, Response& response, int) {
    if (request.path.find("/org/old/") == std::string::npos) return false;
    response.set_redirect("/datasets/org/data/" + request.path.substr(request.path.find("resolve")), 307);
    return true;
  };
  ExpectBytesFrom(0, "hf://org/old/train/0.tar");
  EXPECT_THAT(HeadersAt("hub", "authorization"), Each("Bearer hf_secret"));
  EXPECT_THAT(HeadersAt("content", "authorization"), Each(""));
}

TEST_F(HubDatasetTest, ReadsAhead) {
  const auto stream = OpenAt(0);
  ASSERT_TRUE(stream.ok()) << stream.status();
  while (Ranges().empty()) std::this_thread::yield();  // asked for without a single read
  EXPECT_TRUE(Drain(**stream).bytes == bytes_);
}

TEST_F(HubDatasetTest, HoldsAFewMibHoweverLargeTheFileIs) {
  if (!kMemoryIsMeasurable) GTEST_SKIP() << "memory cannot be measured under this sanitizer";
  static constexpr size_t kBytes = size_t{1} << 30;
  const std::string piece = TestBytes(size_t{1} << 16);
  hub_.on_head = [this](const Request&, Response& response, int) {
    response.set_header("X-Repo-Commit", commit_);
    response.set_header("X-Linked-Etag", "\"large\"");
    response.set_header("X-Linked-Size", StrCat(kBytes));
    return true;
  };
  hub_.on_get = [piece](const Request&, Response& response, int) {
    response.set_content_provider(kBytes, "application/octet-stream",
                                  [piece](size_t, size_t length, httplib::DataSink& sink) {
                                    return sink.write(piece.data(), std::min(length, piece.size()));
                                  });
    return true;
  };
  const int64_t before = ResidentBytes();
  const auto stream = OpenAt(0);
  ASSERT_TRUE(stream.ok()) << stream.status();
  std::string buffer(size_t{1} << 20, ' ');
  size_t got = 0;
  int64_t most = 0;
  while (got < (size_t{128} << 20)) {
    const absl::StatusOr<int64_t> bytes = (*stream)->Read(absl::MakeSpan(buffer));
    ASSERT_TRUE(bytes.ok() && *bytes > 0) << bytes.status();
    if (got % (size_t{8} << 20) < static_cast<size_t>(*bytes)) most = std::max(most, ResidentBytes());
    got += *bytes;
  }
  EXPECT_LT(most - before, int64_t{32} << 20);
}

TEST_F(HubDatasetTest, StreamThatNobodyReadsCanBeDropped) {
  hub_.AddCommit("datasets/org/large", "main", {{"x.tar", std::string(8'000'000, 'x')}});
  for (int i = 0; i < 3; ++i) {
    const auto stream = OpenAt(i, "hf://org/large/x.tar");
    ASSERT_TRUE(stream.ok()) << stream.status();
    std::string byte(1, ' ');
    if (i == 0) {
      EXPECT_EQ(*(*stream)->Read(absl::MakeSpan(byte)), 1);
    }
  }
  EXPECT_TRUE(ReadFrom(0, "hf://org/large/x.tar").status.ok()) << "its connection is still good for another";
  EXPECT_EQ(HeadersAt("hub", "range").size(), 2) << "and so is the place that it came from";
}

TEST_F(HubDatasetTest, StreamIsDroppedWhileTheServerHangs) {
  hub_.on_content = [this](const Request&, Response& response, int) {
    response.set_content_provider(bytes_.size(), "application/octet-stream",
                                  [this](size_t offset, size_t, httplib::DataSink& sink) {
                                    if (offset > 0) hub_.Hang();
                                    return sink.write(&bytes_[offset], 100);
                                  });
    return true;
  };
  const auto stream = OpenAt(0);
  ASSERT_TRUE(stream.ok()) << stream.status();
  std::string buffer(100, ' ');
  EXPECT_GT(*(*stream)->Read(absl::MakeSpan(buffer)), 0);
}

TEST_F(HubDatasetTest, StreamIsDroppedWhileItWaitsForTheNextTry) {
  options_.sleep = nullptr;
  hub_.on_content = Code(429, 1000, "Retry-After", "250");
  const auto stream = OpenAt(0);
  ASSERT_TRUE(stream.ok()) << stream.status();
  while (Ranges().empty()) std::this_thread::yield();
}

TEST_F(HubDatasetTest, CancelledIsSaid) {
  std::atomic<bool> cancelled = false;
  options_.cancelled = [&] { return cancelled.load(); };
  hub_.on_content = Code(500, 1000);
  options_.sleep = [&](absl::Duration) { cancelled = true; };
  ExpectError(absl::StatusCode::kCancelled, "cancelled");
}

TEST_F(HubDatasetTest, FilesAreReadAnywhere) {
  const auto file = openers().file(kName);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->size_bytes(), 70'000);
  std::string buffer(100, ' ');
  EXPECT_EQ(*(*file)->ReadAt(69'950, absl::MakeSpan(buffer)), 50);
  EXPECT_EQ(buffer.substr(0, 50), bytes_.substr(69'950));
  EXPECT_EQ(*(*file)->ReadAt(0, absl::MakeSpan(buffer)), 100);
  EXPECT_EQ(buffer, bytes_.substr(0, 100));
  EXPECT_EQ(*(*file)->ReadAt(70'000, absl::MakeSpan(buffer)), 0);
  EXPECT_EQ(*(*file)->ReadAt(80'000, absl::MakeSpan(buffer)), 0);
  EXPECT_EQ(*(*file)->ReadAt(7, {}), 0);
  EXPECT_THAT(Ranges(), ElementsAre("bytes=69950-69999", "bytes=0-99")) << "and not a byte more";
  EXPECT_EQ((*openers().file("hf://org/data/train/empty"))->size_bytes(), 0);
}

TEST_F(HubDatasetTest, FilesAreReadByManyThreadsAtOnce) {
  const auto file = openers().file(kName);
  ASSERT_TRUE(file.ok()) << file.status();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        const int64_t offset = 6'007 * i + 997 * t;
        std::string buffer(1'000, ' ');
        const absl::StatusOr<int64_t> bytes = (*file)->ReadAt(offset, absl::MakeSpan(buffer));
        ASSERT_TRUE(bytes.ok()) << bytes.status();
        EXPECT_EQ(*bytes, 1'000);
        EXPECT_EQ(buffer, bytes_.substr(offset, 1'000));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(HubDatasetTest, ConnectionsAreKept) {
  absl::Mutex mutex;
  std::set<int> ports;
  hub_.on_head = hub_.on_get = [&](const Request& request, Response& response, int) {
    absl::MutexLock lock(&mutex);
    ports.insert(request.remote_port);
    if (request.method == "HEAD") return false;
    response.status = 302;
    response.set_header("Location", hub_.content_endpoint() + "/content/" + commit_ + "/train/0.tar");
    IgnoreRange(request);
    response.set_content("Found, and said so at some length", "text/plain");
    return true;
  };
  hub_.on_content = [&](const Request& request, Response&, int) {
    absl::MutexLock lock(&mutex);
    ports.insert(request.remote_port);
    return false;
  };
  const auto file = openers().file(kName);
  ASSERT_TRUE(file.ok()) << file.status();
  std::string buffer(100, ' ');
  for (int i = 0; i < 3; ++i) EXPECT_EQ(*(*file)->ReadAt(100 * i, absl::MakeSpan(buffer)), 100);
  EXPECT_EQ(ports.size(), 2) << "one to the hub, despite the text of its redirection, and one to the content network";
}

TEST_F(HubDatasetTest, HubIsAskedOnceWhereTheBytesAre) {
  for (const int64_t offset : {0, 10, 20}) ExpectBytesFrom(offset);
  std::string buffer(100, ' ');
  EXPECT_TRUE((*openers().file(kName))->ReadAt(0, absl::MakeSpan(buffer)).ok());
  EXPECT_EQ(HeadersAt("hub", "range").size(), 2) << "HEAD and the first GET";
  EXPECT_EQ(Ranges().size(), 4);
}

TEST_F(HubDatasetTest, FilesOfUnknownSizeAreNotOpened) {
  hub_.on_head = AnswersWithoutSize();
  const absl::Status status = openers().file(kName).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("does not say how large"));
}

}  // namespace
}  // namespace vitok
