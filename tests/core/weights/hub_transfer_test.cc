// What a content network and a disk can do wrong: it ends in the right files or in a clear error, and never in part of
// a file under its final name.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

#include "absl/strings/str_cat.h"
#include "core/weights/hub_cache.h"
#include "tests/core/weights/hub_faults.h"
#include "tests/support/text_file.h"

namespace vitok {
namespace {

namespace fs = std::filesystem;
using httplib::Request;
using httplib::Response;
using testing::Each;
using testing::ElementsAre;

using HubTransferTest = HubFaultTest;

TEST_F(HubTransferTest, SignatureThatHasExpiredIsRenewed) {
  hub_.on_content = Code(403, 1);
  ExpectEncoder(FetchEncoder());
  EXPECT_EQ(hub_.Count("GET"), 4) << "the hub is asked again where the bytes are";
}

TEST_F(HubTransferTest, CutConnectionGoesOnWhereItWas) {
  hub_.on_content = [this](const Request&, Response& response, int count) {
    if (count > 2) return false;
    SendCut(encoder_, count * 20'000, response);
    return true;
  };
  ExpectEncoder(FetchEncoder());
  EXPECT_THAT(Ranges(), ElementsAre("", "bytes=20000-", "bytes=40000-"));
}

TEST_F(HubTransferTest, ProgressMakesAllTriesFreeAgain) {
  hub_.on_content = [this](const Request&, Response& response, int count) {
    SendCut(encoder_, count * 10'000, response);
    return true;
  };
  ExpectEncoder(FetchEncoder());
  EXPECT_EQ(Ranges().size(), 7);
  EXPECT_THAT(slept_, Each(absl::Seconds(1)));
}

TEST_F(HubTransferTest, ServerThatIgnoresRangesIsReadFromTheStart) {
  hub_.on_content = [this](const Request& request, Response& response, int count) {
    if (count == 1) {
      SendCut(encoder_, 20'000, response);
    } else {
      SendAll(request, encoder_, response);
    }
    return true;
  };
  ExpectEncoder(FetchEncoder());
  EXPECT_THAT(Ranges(), ElementsAre("", "bytes=20000-"));
}

TEST_F(HubTransferTest, CutAtTheSamePlaceEachTimeIsAnError) {
  hub_.on_content = [this](const Request& request, Response& response, int) {
    const_cast<Request&>(request).ranges.clear();
    SendCut(encoder_, 20'000, response);
    return true;
  };
  ExpectError(absl::StatusCode::kUnavailable, "encoder.safetensors: ");
  EXPECT_EQ(Ranges().size(), 5);
}

TEST_F(HubTransferTest, AnotherRangeThanAskedForIsNotUsed) {
  hub_.on_content = [this](const Request& request, Response& response, int count) {
    if (count == 1) SendCut(encoder_, 20'000, response);
    if (count == 2) const_cast<Request&>(request).ranges = {{30'000, -1}};
    return count == 1;
  };
  ExpectEncoder(FetchEncoder());
  EXPECT_THAT(Ranges(), ElementsAre("", "bytes=20000-", ""));
}

TEST_F(HubTransferTest, RefusedRangeStartsAnew) {
  hub_.on_content = [this](const Request&, Response& response, int count) {
    if (count == 1) SendCut(encoder_, 20'000, response);
    if (count == 2) response.status = 416;
    return count <= 2;
  };
  ExpectEncoder(FetchEncoder());
  EXPECT_THAT(Ranges(), ElementsAre("", "bytes=20000-", ""));
}

TEST_F(HubTransferTest, ContentThatChangedBetweenTriesIsNotMixed) {
  hub_.on_content = [this](const Request&, Response& response, int count) {
    if (count == 1) SendCut(TestBytes(encoder_.size(), 9), 20'000, response);
    if (count > 1) response.headers.erase("ETag");
    if (count > 1) response.set_header("ETag", "\"newer\"");
    return count == 1;
  };
  ExpectEncoder(FetchEncoder());
  EXPECT_THAT(Ranges(), ElementsAre("", "bytes=20000-", ""));
}

TEST_F(HubTransferTest, TooManyAndTooFewBytesAreErrors) {
  hub_.on_content = [this](const Request& request, Response& response, int) {
    SendAll(request, encoder_ + "x", response);
    return true;
  };
  ExpectError(absl::StatusCode::kDataLoss, absl::StrCat("more bytes than the ", encoder_.size()));
  hub_.on_content = [this](const Request& request, Response& response, int) {
    SendAll(request, encoder_.substr(1), response);
    return true;
  };
  ExpectError(absl::StatusCode::kUnavailable, absl::StrCat("ended after ", encoder_.size() - 1, " of "));
}

TEST_F(HubTransferTest, WrongDigestIsAnError) {
  hub_.on_content = [this](const Request& request, Response& response, int) {
    SendAll(request, TestBytes(encoder_.size(), 9), response);
    return true;
  };
  ExpectError(absl::StatusCode::kDataLoss, "SHA-256");
}

TEST_F(HubTransferTest, TransferThatCrawlsIsTriedAgain) {
  options_.download_timeout = absl::Milliseconds(50);
  hub_.on_content = [this](const Request&, Response& response, int count) {
    if (count > 1) return false;
    response.set_content_provider(encoder_.size(), "application/octet-stream",
                                  [this](size_t offset, size_t, httplib::DataSink& sink) {
                                    if (offset > 0) hub_.Hang();
                                    return sink.write(&encoder_[offset], 1);
                                  });
    return true;
  };
  ExpectEncoder(FetchEncoder());
  EXPECT_THAT(Ranges(), ElementsAre("", "bytes=1-"));
}

TEST_F(HubTransferTest, FullDiskIsFoundBeforeTheDownload) {
  options_.free_disk_bytes = [this](const std::string&) { return static_cast<int64_t>(encoder_.size()) - 1; };
  ExpectError(absl::StatusCode::kResourceExhausted, absl::StrCat("needs ", encoder_.size(), " bytes of disk"));
  EXPECT_EQ(hub_.Count("GET"), 0);
}

TEST_F(HubTransferTest, DiskThatFillsUpIsFoundInTheDownload) {
  // A limit on the size of files makes writing fail as a full disk does.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{30'000, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  ExpectError(absl::StatusCode::kResourceExhausted, ".incomplete: ");
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
}

TEST_F(HubTransferTest, BlobOfTheWrongSizeIsReplaced) {
  ExpectWhole(Fetch());
  const fs::path blob = fs::canonical(InCache("snapshots/" + commit_ + "/encoder.safetensors"));
  fs::resize_file(blob, 10);
  fs::remove(InCache("snapshots/" + commit_ + "/encoder.safetensors"));
  ExpectWhole(Fetch());
}

TEST_F(HubTransferTest, AnotherDownloadIsWaitedForAsLongAsItMoves) {
  ExpectEncoder(FetchEncoder());
  const std::string etag = *Blobs().begin();
  const std::string path = HubCache(options_.cache_folder, "org/model").LockPath(etag);
  // Until it is done:
  fs::remove_all(InCache(""));
  int lock = open(path.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(flock(lock, LOCK_EX | LOCK_NB), 0);
  int polls = 0;
  options_.sleep = [&](absl::Duration) {
    if (++polls == 3) close(lock);
  };
  ExpectEncoder(FetchEncoder());
  EXPECT_EQ(polls, 3);
  EXPECT_THAT(warnings_, ElementsAre(testing::HasSubstr("waiting for another download of ")));
  // Or until nothing moves any more:
  fs::remove_all(InCache(""));
  lock = open(path.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(flock(lock, LOCK_EX | LOCK_NB), 0);
  absl::Duration waited;
  options_.sleep = [&](absl::Duration duration) { waited += duration; };
  ExpectEncoder(FetchEncoder());
  EXPECT_EQ(waited, absl::Minutes(1));
  close(lock);
}

TEST_F(HubTransferTest, WhatKilledDownloadsLeftIsRemoved) {
  ExpectEncoder(FetchEncoder());
  const fs::path blob = fs::canonical(InCache("snapshots/" + commit_ + "/encoder.safetensors"));
  fs::remove_all(InCache("snapshots"));
  fs::remove(blob);
  const std::string old = WriteTextFile(blob.string() + ".0123abcd.incomplete", "part");
  const std::string fresh = WriteTextFile(blob.string() + ".4567abcd.incomplete", "part");
  fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours(2));
  ASSERT_TRUE(FetchEncoder().ok());
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(fresh)) << "somebody may be writing to it";
}

}  // namespace
}  // namespace vitok
