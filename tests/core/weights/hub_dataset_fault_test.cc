// What a hub and a content network can do wrong while a data set is read: it ends in the right bytes or in a clear
// error, and never in bytes of two versions.
#include "core/base/str_cat.h"
#include "core/weights/hub_dataset.h"
#include "tests/core/weights/hub_dataset_fixture.h"

namespace vitok {
namespace {

using absl::StatusCode;
using httplib::Request;
using httplib::Response;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kEtag[] = "\"of-the-content-network\"";  // of the fake hub

class HubDatasetFaultTest : public HubDatasetTest {
 protected:
  // The first reply breaks off at byte 20 000; `then` makes something of those after that.
  void CutThen(const std::function<bool(const Request&, Response&, int count)>& then) {
    hub_.on_content = [this, then](const Request& request, Response& response, int count) {
      if (count > 1) return then(request, response, count);
      SendCut(bytes_, 20'000, response);
      return true;
    };
  }

  static void SetEtag(Response& response, const std::string& etag) {
    response.headers.erase("ETag");
    if (!etag.empty()) response.set_header("ETag", etag);
  }
};

TEST_F(HubDatasetFaultTest, CutConnectionGoesOnAtTheByteWhereItWas) {
  hub_.on_content = [this](const Request&, Response& response, int count) {
    if (count > 2) return false;
    SendCut(bytes_, count * 20'000, response);
    return true;
  };
  ExpectBytesFrom(0);
  EXPECT_THAT(Ranges(), ElementsAre("", "bytes=20000-", "bytes=40000-"));
  EXPECT_THAT(HeadersAt("content", "if-range"), ElementsAre("", kEtag, kEtag));
}

TEST_F(HubDatasetFaultTest, CutReadOfAFileGoesOnWithinItsRange) {
  CutThen([](const Request&, Response&, int) { return false; });
  const auto file = openers().file(kName);
  ASSERT_TRUE(file.ok()) << file.status();
  std::string buffer(30'000, ' ');
  EXPECT_EQ(*(*file)->ReadAt(10'000, absl::MakeSpan(buffer)), 30'000);
  EXPECT_TRUE(buffer == bytes_.substr(10'000, 30'000));
  EXPECT_THAT(Ranges(), ElementsAre("bytes=10000-39999", "bytes=20000-39999"));
}

TEST_F(HubDatasetFaultTest, ProgressMakesAllTriesFreeAgain) {
  hub_.on_content = [this](const Request&, Response& response, int count) {
    SendCut(bytes_, count * 10'000, response);
    return true;
  };
  ExpectBytesFrom(0);
  EXPECT_EQ(Ranges().size(), 7);
  EXPECT_THAT(slept(), Each(absl::Seconds(1)));
}

TEST_F(HubDatasetFaultTest, CutAtTheSamePlaceEachTimeIsAnError) {
  CutThen([this](const Request& request, Response& response, int) {
    IgnoreRange(request);
    SendCut(bytes_, 20'000, response);
    return true;
  });
  ExpectError(StatusCode::kUnavailable, "(tried 5 times)");
  EXPECT_EQ(Ranges().size(), 5);
}

TEST_F(HubDatasetFaultTest, FileThatChangedMeanwhileIsAnErrorNotAMixture) {
  // A server that knows If-Range sends all of the new file.
  CutThen([](const Request&, Response& response, int) {
    SetEtag(response, "\"newer\"");
    return false;
  });
  ExpectError(StatusCode::kAborted, "was changed while it was read");
  EXPECT_THAT(slept(), ElementsAre(absl::Seconds(1)));
}

TEST_F(HubDatasetFaultTest, ServerWithoutIfRangeIsFoundOutByTheEtag) {
  CutThen([this](const Request& request, Response& response, int) {
    SetEtag(response, "\"newer\"");
    const_cast<Request&>(request).headers.erase("If-Range");
    response.set_content(TestBytes(bytes_.size(), 9), "application/octet-stream");
    return true;
  });
  ExpectError(StatusCode::kAborted, "was changed while it was read");
}

TEST_F(HubDatasetFaultTest, FileThatChangesBetweenTwoReadsIsAnError) {
  hub_.on_content = [](const Request&, Response& response, int count) {
    if (count > 1) SetEtag(response, "\"newer\"");
    return false;
  };
  const auto file = openers().file(kName);
  ASSERT_TRUE(file.ok()) << file.status();
  std::string buffer(100, ' ');
  EXPECT_TRUE((*file)->ReadAt(0, absl::MakeSpan(buffer)).ok());
  const absl::Status status = (*file)->ReadAt(200, absl::MakeSpan(buffer)).status();
  EXPECT_EQ(status.code(), StatusCode::kAborted);
  EXPECT_THAT(std::string(status.message()), testing::StartsWith(std::string(kName) + ": was changed"));
}

TEST_F(HubDatasetFaultTest, EtagThatChangedOnTheHubIsAnError) {
  hub_.on_get = [this](const Request&, Response& response, int) {
    response.status = 302;
    response.set_header("Location", hub_.content_endpoint() + "/content/x/y");
    response.set_header("X-Linked-Etag", "\"other\"");
    return true;
  };
  ExpectError(StatusCode::kAborted, "was changed on the hub");
}

TEST_F(HubDatasetFaultTest, WeakAndMissingEtagsAreNoHindrance) {
  for (const std::string etag : {"W/\"weak\"", ""}) {
    hub_.on_content = [this, etag](const Request&, Response& response, int count) {
      SetEtag(response, etag);
      if (count % 2 == 0) return false;
      SendCut(bytes_, 20'000, response);
      return true;
    };
    ExpectBytesFrom(0);
  }
  EXPECT_THAT(Ranges(), ElementsAre("", "bytes=20000-", "", "bytes=20000-"));
  EXPECT_THAT(HeadersAt("content", "if-range"), Each(""));
}

TEST_F(HubDatasetFaultTest, ServerThatIgnoresRangesIsReadFromTheStart) {
  hub_.on_content = [this](const Request& request, Response& response, int) {
    SendAll(request, bytes_, response);
    return true;
  };
  ExpectBytesFrom(30'000);
  const auto file = openers().file(kName);
  ASSERT_TRUE(file.ok()) << file.status();
  std::string buffer(100, ' ');
  EXPECT_EQ(*(*file)->ReadAt(40'000, absl::MakeSpan(buffer)), 100);
  EXPECT_EQ(buffer, bytes_.substr(40'000, 100));
  EXPECT_THAT(slept(), IsEmpty());
}

TEST_F(HubDatasetFaultTest, AnotherRangeThanAskedForIsNotUsed) {
  CutThen([](const Request& request, Response&, int count) {
    if (count == 2) const_cast<Request&>(request).ranges = {{30'000, -1}};
    return false;
  });
  ExpectBytesFrom(0);
  EXPECT_THAT(Ranges(), ElementsAre("", "bytes=20000-", "bytes=20000-"));
}

TEST_F(HubDatasetFaultTest, RefusedRangeIsAnError) {
  CutThen(Code(416, 1000));
  ExpectError(StatusCode::kDataLoss, "ends before byte 20000 where the hub led to; the hub says that it has 70000");
}

TEST_F(HubDatasetFaultTest, TooManyAndTooFewBytesAreErrors) {
  for (const std::string& other : {bytes_ + "x", bytes_.substr(1)}) {
    hub_.on_content = [other](const Request& request, Response& response, int) {
      SendAll(request, other, response);
      return true;
    };
    ExpectError(StatusCode::kDataLoss,
                StrCat("has ", other.size(), " bytes where the hub led to; the hub says that it has 70000"));
  }
}

TEST_F(HubDatasetFaultTest, ReplyThatEndsEarlyWithoutALengthIsTakenUpAgain) {
  hub_.on_content = [this](const Request&, Response& response, int count) {
    if (count > 1) return false;
    response.set_chunked_content_provider("application/octet-stream", [this](size_t, httplib::DataSink& sink) {
      sink.write(bytes_.data(), 20'000);
      sink.done();
      return true;
    });
    return true;
  };
  ExpectBytesFrom(0);
  EXPECT_THAT(Ranges(), ElementsAre("", "bytes=20000-"));
}

TEST_F(HubDatasetFaultTest, FileOfUnknownSizeEndsWithItsReply) {
  hub_.on_head = AnswersWithoutSize();
  hub_.on_get = [this](const Request&, Response& response, int) {
    response.status = 302;
    response.set_header("Location", hub_.content_endpoint() + "/content/" + commit_ + "/train/0.tar");
    return true;
  };
  hub_.on_content = [this](const Request& request, Response& response, int count) {
    if (count % 2 == 1) {
      SendCut(bytes_, 20'000, response);
      return true;
    }
    IgnoreRange(request);
    response.set_chunked_content_provider("application/octet-stream", [this](size_t, httplib::DataSink& sink) {
      sink.write(bytes_.data(), bytes_.size());
      sink.done();
      return true;
    });
    return true;
  };
  ExpectBytesFrom(0);
}

TEST_F(HubDatasetFaultTest, SignatureThatHasExpiredIsRenewed) {
  CutThen(Code(403, 2));
  ExpectBytesFrom(0);
  EXPECT_EQ(HeadersAt("hub", "range").size(), 4) << "HEAD, and GET for each place";
}

TEST_F(HubDatasetFaultTest, PlaceThatIsKnownAndExpiredCostsNoTry) {
  ExpectBytesFrom(0);
  hub_.on_content = [](const Request&, Response& response, int count) {
    if (count == 2) response.status = 403;
    return count == 2;
  };
  ExpectBytesFrom(5);
  EXPECT_THAT(slept(), IsEmpty());
  EXPECT_EQ(HeadersAt("hub", "range").size(), 3);
}

TEST_F(HubDatasetFaultTest, PlaceThatIsDownIsAskedForAnew) {
  hub_.redirect = [this, count = 0](const std::string& file) mutable {
    ++count;  // HEAD leads there as well
    return count == 2 ? "http://127.0.0.1:1/x" : hub_.content_endpoint() + "/content/" + commit_ + "/" + file;
  };
  ExpectBytesFrom(0);
  EXPECT_THAT(slept(), ElementsAre(absl::Seconds(1)));
}

TEST_F(HubDatasetFaultTest, RetryAfterIsHonoured) {
  hub_.on_head = Code(429, 1, "Retry-After", "7");
  hub_.on_get = Code(429, 1, "Retry-After", "8");
  hub_.on_content = Code(429, 1, "Retry-After", "9");
  ExpectBytesFrom(0);
  EXPECT_THAT(slept(), ElementsAre(absl::Seconds(7), absl::Seconds(8), absl::Seconds(9)));
}

TEST_F(HubDatasetFaultTest, WhoAsksForHoursIsNotWaitedFor) {
  hub_.on_content = Code(429, 1, "Retry-After", "7200");
  ExpectError(StatusCode::kUnavailable, "asks to come back after 7200 s");
  EXPECT_THAT(slept(), IsEmpty());
}

TEST_F(HubDatasetFaultTest, ServerErrorsAreTriedAgain) {
  hub_.on_head = Code(500, 2);
  hub_.on_get = Code(503, 1);
  hub_.on_content = Code(502, 2);
  ExpectBytesFrom(0);
  EXPECT_EQ(slept().size(), 5);
}

TEST_F(HubDatasetFaultTest, ServerErrorsWithoutEndAreAnError) {
  hub_.on_content = Code(500, 1000);
  ExpectError(StatusCode::kUnavailable, "HTTP code 500 (tried 5 times)");
  hub_.on_get = Code(500, 1000);
  ExpectError(StatusCode::kUnavailable, "answered 500 (tried 5 times)");
}

TEST_F(HubDatasetFaultTest, HubThatIsDownIsAnErrorOfOpening) {
  hub_.on_head = Code(500, 1000);
  ExpectError(StatusCode::kUnavailable, "answered 500 (tried 5 times)");
  hub_.on_head = Code(416, 1000);
  ExpectError(StatusCode::kFailedPrecondition, "answered 416");
}

TEST_F(HubDatasetFaultTest, WhatMayNotBeReadSaysWhatToDo) {
  hub_.on_head = Code(403, 1000, "X-Error-Code", "GatedRepo");
  ExpectError(StatusCode::kPermissionDenied, "accept its terms at " + hub_.endpoint() + "/datasets/org/data");
  ExpectError(StatusCode::kPermissionDenied, "set HF_TOKEN");
  hub_.on_head = Code(401, 1000);
  ExpectError(StatusCode::kUnauthenticated, "is private, or does not exist");
  EXPECT_THAT(slept(), IsEmpty());
}

TEST_F(HubDatasetFaultTest, TokenThatMayNotReadItIsNamed) {
  options_.token = "hf_secret";
  hub_.on_head = Code(401, 1000);
  ExpectError(StatusCode::kUnauthenticated, "the token that was sent");
}

TEST_F(HubDatasetFaultTest, WhatIsNotThereIsNamed) {
  for (const auto& [name, text] :
       {std::pair<std::string, std::string>{"hf://org/data/train/1.tar",
                                            "data set org/data has no file 'train/1.tar' in revision main"},
        {"hf://org/data@v9/train/0.tar", "has no revision v9"}}) {
    const absl::Status status = ReadFrom(0, name).status;
    EXPECT_EQ(status.code(), StatusCode::kNotFound);
    EXPECT_THAT(std::string(status.message()), testing::AllOf(testing::StartsWith(name + ": "), HasSubstr(text)));
    EXPECT_EQ(openers().file(name).status(), status);
  }
  EXPECT_EQ(ReadFrom(0, "hf://org/none/x.tar").status.code(), StatusCode::kUnauthenticated);
  EXPECT_EQ(ReadFrom(0, "hf://org").status.code(), StatusCode::kInvalidArgument);
}

TEST_F(HubDatasetFaultTest, OfflineNobodyIsAsked) {
  options_.offline = true;
  ExpectError(StatusCode::kFailedPrecondition, "HF_HUB_OFFLINE is set");
  EXPECT_EQ(openers().file(kName).status().code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(hub_.seen(), IsEmpty());
}

TEST_F(HubDatasetFaultTest, TransferThatCrawlsIsTakenUpAgain) {
  options_.download_timeout = absl::Milliseconds(50);
  hub_.on_content = [this](const Request&, Response& response, int count) {
    if (count > 1) return false;
    response.set_content_provider(bytes_.size(), "application/octet-stream",
                                  [this](size_t offset, size_t, httplib::DataSink& sink) {
                                    if (offset > 0) hub_.Hang();
                                    return sink.write(&bytes_[offset], 1);
                                  });
    return true;
  };
  ExpectBytesFrom(0);
  EXPECT_EQ(Ranges()[1], "bytes=1-");
}

TEST_F(HubDatasetFaultTest, HubThatHangsIsGivenUp) {
  options_.etag_timeout = absl::Milliseconds(50);
  hub_.on_head = [this](const Request&, Response&, int) {
    hub_.Hang();
    return true;
  };
  ExpectError(StatusCode::kDeadlineExceeded, "too slow");
}

TEST_F(HubDatasetFaultTest, RedirectsThatNeverEndAreGivenUp) {
  hub_.on_get = [](const Request& request, Response& response, int) {
    response.set_redirect(request.path, 302);
    return true;
  };
  ExpectError(StatusCode::kFailedPrecondition, "too many redirects");
}

TEST_F(HubDatasetFaultTest, RedirectsOutOfHttpAreNotFollowed) {
  for (const std::string place : {"file:///etc/hostname", "ftp://127.0.0.1/x"}) {
    hub_.on_get = [place](const Request&, Response& response, int) {
      response.status = 302;
      response.set_header("Location", place);
      return true;
    };
    ExpectError(StatusCode::kInvalidArgument, "which must not be followed");
  }
}

}  // namespace
}  // namespace vitok
