// What a hub, its content network and a disk can do wrong: it ends in the right files or in a clear error, and never in
// part of a file under its final name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <sys/resource.h>

#include <atomic>
#include <csignal>

#include "absl/strings/str_cat.h"
#include "tests/core/weights/hub_fixture.h"
#include "tests/support/text_file.h"

namespace vitok {
namespace {

namespace fs = std::filesystem;
using httplib::Request;
using httplib::Response;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kToken[] = "hf_secret";

class HubFaultTest : public HubTest {
 protected:
  // Fetches without a decoder, so that requests can be counted.
  absl::StatusOr<LocalModel> FetchEncoder() { return Fetch("org/model", {.encoder = true, .decoder = false}); }

  void ExpectEncoder(const absl::StatusOr<LocalModel>& model) {
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_TRUE(Read(model->path + "/encoder.safetensors") == encoder_);
    EXPECT_EQ(Blobs().size(), 1);
  }

  void ExpectError(absl::StatusCode code, const std::string& text) {
    const absl::Status status = FetchEncoder().status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("model org/model@main: "), HasSubstr(text)));
    ExpectNothing();
  }

  // The ranges that were asked of the content network.
  std::vector<std::string> Ranges() const {
    std::vector<std::string> ranges;
    for (const FakeHub::Seen& seen : hub_.seen()) {
      if (seen.place == "content") ranges.push_back(seen.Header("range"));
    }
    return ranges;
  }

  // The content network answers with this code for the first `times` times.
  FakeHub::Handler Code(int code, int times, const std::string& header = "", const std::string& value = "") {
    return [=](const Request&, Response& response, int count) {
      if (count > times) return false;
      response.status = code;
      if (!header.empty()) response.set_header(header.c_str(), value);
      return true;
    };
  }
};

TEST_F(HubFaultTest, TokenGoesToTheHubOnly) {
  options_.token = kToken;
  ExpectEncoder(FetchEncoder());
  int at_the_hub = 0, elsewhere = 0;
  for (const FakeHub::Seen& seen : hub_.seen()) {
    EXPECT_EQ(seen.Header("authorization"), seen.place == "hub" ? absl::StrCat("Bearer ", kToken) : "");
    ++(seen.place == "hub" ? at_the_hub : elsewhere);
  }
  EXPECT_EQ(at_the_hub, 2);
  EXPECT_EQ(elsewhere, 1);
}

TEST_F(HubFaultTest, RelativeRedirectsAreFollowedWithTheToken) {
  options_.token = kToken;
  hub_.AddCommit("moved/model", "main", {{"encoder.safetensors", encoder_}});
  hub_.on_head = hub_.on_get = [](const Request& request, Response& response, int) {
    if (!request.path.starts_with("/moved/")) return false;
    response.set_redirect("/org/" + request.path.substr(7), 307);
    return true;
  };
  const auto model = Fetch("moved/model", {.encoder = true, .decoder = false});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->commit, commit_);
  EXPECT_THAT(hub_.seen()[1].Header("authorization"), HasSubstr(kToken));
}

TEST_F(HubFaultTest, RelativeFormsOfOtherHostsAreNotFollowed) {
  options_.token = kToken;
  for (const std::string prefix : {"//", "/\\", "http://"}) {
    const std::string elsewhere = prefix + hub_.content_endpoint().substr(7) + "/content/x/encoder.safetensors";
    hub_.on_head = [&](const Request&, Response& response, int) {
      response.status = 302;
      response.set_header("Location", elsewhere);
      return true;
    };
    ExpectError(absl::StatusCode::kFailedPrecondition, "does not answer as a model hub");
    for (const FakeHub::Seen& seen : hub_.seen()) EXPECT_EQ(seen.place, "hub");
  }
}

TEST_F(HubFaultTest, RedirectsThatNeverEndAreGivenUp) {
  const FakeHub::Handler loop = [](const Request& request, Response& response, int) {
    response.set_redirect(request.path, 302);
    return true;
  };
  hub_.on_head = loop;
  ExpectError(absl::StatusCode::kFailedPrecondition, "too many redirects");
  hub_.on_head = nullptr;
  hub_.on_get = loop;
  ExpectError(absl::StatusCode::kFailedPrecondition, "too many redirects");
}

TEST_F(HubFaultTest, MirrorMayAnswerWithTheBytesItself) {
  hub_.is_mirror = true;
  ExpectWhole(Fetch());
}

TEST_F(HubFaultTest, RetryAfterIsHonoured) {
  hub_.on_head = Code(429, 1, "Retry-After", "7");
  hub_.on_content = Code(429, 1, "Retry-After", "9");
  ExpectEncoder(FetchEncoder());
  EXPECT_THAT(slept_, ElementsAre(absl::Seconds(7), absl::Seconds(9)));
}

TEST_F(HubFaultTest, WhoAsksForHoursIsNotWaitedFor) {
  hub_.on_head = Code(429, 1, "Retry-After", "7200");
  ExpectError(absl::StatusCode::kUnavailable, "asks to come back after 7200 s");
  EXPECT_THAT(slept_, IsEmpty());
}

TEST_F(HubFaultTest, ServerErrorsAreTriedAgain) {
  hub_.on_head = Code(500, 2);
  hub_.on_get = Code(503, 1);
  hub_.on_content = Code(502, 2);
  ExpectEncoder(FetchEncoder());
  EXPECT_EQ(slept_.size(), 5);
}

TEST_F(HubFaultTest, ServerErrorsWithoutEndAreAnError) {
  hub_.on_head = Code(500, 1000);
  ExpectError(absl::StatusCode::kUnavailable, "answered 500 (tried 5 times)");
  hub_.on_head = nullptr;
  hub_.on_content = Code(500, 1000);
  ExpectError(absl::StatusCode::kUnavailable, "encoder.safetensors: HTTP code 500 (tried 5 times)");
}

TEST_F(HubFaultTest, SignatureThatHasExpiredIsRenewed) {
  hub_.on_content = Code(403, 1);
  ExpectEncoder(FetchEncoder());
  EXPECT_EQ(hub_.Count("GET"), 4) << "the hub is asked again where the bytes are";
}

TEST_F(HubFaultTest, CutConnectionGoesOnWhereItWas) {
  hub_.on_content = [this](const Request&, Response& response, int count) {
    if (count > 2) return false;
    SendCut(encoder_, count * 20'000, response);
    return true;
  };
  ExpectEncoder(FetchEncoder());
  EXPECT_THAT(Ranges(), ElementsAre("", "bytes=20000-", "bytes=40000-"));
}

TEST_F(HubFaultTest, ProgressMakesAllTriesFreeAgain) {
  hub_.on_content = [this](const Request&, Response& response, int count) {
    SendCut(encoder_, count * 10'000, response);
    return true;
  };
  ExpectEncoder(FetchEncoder());
  EXPECT_EQ(Ranges().size(), 7);
  EXPECT_THAT(slept_, Each(absl::Seconds(1)));
}

TEST_F(HubFaultTest, ServerThatIgnoresRangesIsReadFromTheStart) {
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

TEST_F(HubFaultTest, CutAtTheSamePlaceEachTimeIsAnError) {
  hub_.on_content = [this](const Request& request, Response& response, int) {
    const_cast<Request&>(request).ranges.clear();
    SendCut(encoder_, 20'000, response);
    return true;
  };
  ExpectError(absl::StatusCode::kUnavailable, "encoder.safetensors: ");
  EXPECT_EQ(Ranges().size(), 5);
}

TEST_F(HubFaultTest, AnotherRangeThanAskedForIsNotUsed) {
  hub_.on_content = [this](const Request& request, Response& response, int count) {
    if (count == 1) SendCut(encoder_, 20'000, response);
    if (count == 2) const_cast<Request&>(request).ranges = {{30'000, -1}};
    return count == 1;
  };
  ExpectEncoder(FetchEncoder());
  EXPECT_THAT(Ranges(), ElementsAre("", "bytes=20000-", ""));
}

TEST_F(HubFaultTest, RefusedRangeStartsAnew) {
  hub_.on_content = [this](const Request&, Response& response, int count) {
    if (count == 1) SendCut(encoder_, 20'000, response);
    if (count == 2) response.status = 416;
    return count <= 2;
  };
  ExpectEncoder(FetchEncoder());
  EXPECT_THAT(Ranges(), ElementsAre("", "bytes=20000-", ""));
}

TEST_F(HubFaultTest, ContentThatChangedBetweenTriesIsNotMixed) {
  hub_.on_content = [this](const Request&, Response& response, int count) {
    if (count == 1) SendCut(TestBytes(encoder_.size(), 9), 20'000, response);
    if (count > 1) response.headers.erase("ETag");
    if (count > 1) response.set_header("ETag", "\"newer\"");
    return count == 1;
  };
  ExpectEncoder(FetchEncoder());
  EXPECT_THAT(Ranges(), ElementsAre("", "bytes=20000-", ""));
}

TEST_F(HubFaultTest, EtagThatChangedOnTheHubIsAnError) {
  hub_.on_get = [this](const Request&, Response& response, int) {
    response.status = 302;
    response.set_header("Location", hub_.content_endpoint() + "/content/x/y");
    response.set_header("X-Linked-Etag", "\"other\"");
    return true;
  };
  ExpectError(absl::StatusCode::kAborted, "was changed on the hub");
}

TEST_F(HubFaultTest, TooManyAndTooFewBytesAreErrors) {
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

TEST_F(HubFaultTest, WrongDigestIsAnError) {
  hub_.on_content = [this](const Request& request, Response& response, int) {
    SendAll(request, TestBytes(encoder_.size(), 9), response);
    return true;
  };
  ExpectError(absl::StatusCode::kDataLoss, "SHA-256");
}

TEST_F(HubFaultTest, GatedAndPrivateModelsSayWhatToDo) {
  hub_.on_head = Code(403, 1000, "X-Error-Code", "GatedRepo");
  ExpectError(absl::StatusCode::kPermissionDenied, "accept its terms at " + hub_.endpoint() + "/org/model");
  ExpectError(absl::StatusCode::kPermissionDenied, "set HF_TOKEN");
  options_.token = kToken;
  ExpectError(absl::StatusCode::kPermissionDenied, "the token that was sent");
  hub_.on_head = Code(401, 1000);
  ExpectError(absl::StatusCode::kUnauthenticated, "is private, or does not exist");
  EXPECT_THAT(slept_, IsEmpty());
}

TEST_F(HubFaultTest, TokenThatIsNoLongerGoodLeavesTheCache) {
  ExpectWhole(Fetch());
  hub_.on_head = Code(401, 1000);
  ExpectWhole(Fetch());
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("using commit")));
}

TEST_F(HubFaultTest, EndpointThatIsNoHubIsNamed) {
  hub_.on_head = [](const Request&, Response& response, int) {
    response.set_content("<html>please log in</html>", "text/html");
    return true;
  };
  ExpectError(absl::StatusCode::kFailedPrecondition, "is HF_ENDPOINT right, or a proxy in between?");
}

TEST_F(HubFaultTest, NamesFromTheNetworkCannotLeaveTheCache) {
  hub_.on_head = [this](const Request&, Response& response, int) {
    response.set_header("X-Repo-Commit", commit_);
    response.set_header("ETag", "\"../../../etag\"");
    return true;
  };
  ExpectError(absl::StatusCode::kFailedPrecondition, "does not answer as a model hub");
  hub_.on_head = [](const Request&, Response& response, int) {
    response.set_header("X-Repo-Commit", "../../up");
    response.set_header("ETag", "\"abc\"");
    return true;
  };
  ExpectError(absl::StatusCode::kFailedPrecondition, "does not answer as a model hub");
}

TEST_F(HubFaultTest, HubThatHangsIsGivenUp) {
  options_.etag_timeout = absl::Milliseconds(50);
  hub_.on_head = [this](const Request&, Response&, int) {
    hub_.Hang();
    return true;
  };
  ExpectError(absl::StatusCode::kDeadlineExceeded, "too slow");
}

TEST_F(HubFaultTest, TransferThatCrawlsIsTriedAgain) {
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

TEST_F(HubFaultTest, FullDiskIsFoundBeforeTheDownload) {
  options_.free_disk_bytes = [this](const std::string&) { return static_cast<int64_t>(encoder_.size()) - 1; };
  ExpectError(absl::StatusCode::kResourceExhausted, absl::StrCat("needs ", encoder_.size(), " bytes of disk"));
  EXPECT_EQ(hub_.Count("GET"), 0);
}

TEST_F(HubFaultTest, DiskThatFillsUpIsFoundInTheDownload) {
  // A limit on the size of files makes writing fail as a full disk does.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{30'000, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  ExpectError(absl::StatusCode::kResourceExhausted, ".incomplete: ");
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
}

TEST_F(HubFaultTest, BlobOfTheWrongSizeIsReplaced) {
  ExpectWhole(Fetch());
  const fs::path blob = fs::canonical(InCache("snapshots/" + commit_ + "/encoder.safetensors"));
  fs::resize_file(blob, 10);
  fs::remove(InCache("snapshots/" + commit_ + "/encoder.safetensors"));
  ExpectWhole(Fetch());
}

TEST_F(HubFaultTest, WhatKilledDownloadsLeftIsRemoved) {
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
