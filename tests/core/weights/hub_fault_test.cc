// What a hub can answer that is not what was asked for: it ends in the right files or in a clear error.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/core/weights/hub_faults.h"

namespace vitok {
namespace {

using httplib::Request;
using httplib::Response;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kToken[] = "hf_secret";

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

TEST_F(HubFaultTest, EtagThatChangedOnTheHubIsAnError) {
  hub_.on_get = [this](const Request&, Response& response, int) {
    response.status = 302;
    response.set_header("Location", hub_.content_endpoint() + "/content/x/y");
    response.set_header("X-Linked-Etag", "\"other\"");
    return true;
  };
  ExpectError(absl::StatusCode::kAborted, "was changed on the hub");
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

}  // namespace
}  // namespace vitok
