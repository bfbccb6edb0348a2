#include "server/http_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "core/base/str_cat.h"
#include "tests/support/http_get.h"

namespace vitok {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::unique_ptr<HttpEndpoint> Serve(std::map<std::string, HttpHandler> routes) {
  absl::StatusOr<std::unique_ptr<HttpEndpoint>> endpoint = HttpEndpoint::Create("127.0.0.1:0", std::move(routes));
  EXPECT_TRUE(endpoint.ok()) << endpoint.status();
  return *std::move(endpoint);
}

TEST(HttpEndpointTest, AnswersItsPathsAndNoOthers) {
  const auto endpoint = Serve({{"/a", [] { return HttpReply{.content_type = "text/html", .body = "<p>"}; }},
                               {"/b", [] { return HttpReply{.status = 503, .body = "draining\n"}; }}});
  const std::string a = HttpGet(endpoint->address(), "/a");
  EXPECT_THAT(a, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(a, HasSubstr("Content-Type: text/html\r\n"));
  EXPECT_THAT(a, EndsWith("\r\n\r\n<p>"));
  const std::string b = HttpGet(endpoint->address(), "/b");
  EXPECT_THAT(b, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(b, EndsWith("draining\n"));
  for (const char* path : {"/", "/c", "/a/", "/../a"}) {
    EXPECT_THAT(HttpGet(endpoint->address(), path), StartsWith("HTTP/1.1 404")) << path;
  }
}

TEST(HttpEndpointTest, ReportsATakenPort) {
  const auto endpoint = Serve({});
  const absl::Status status = HttpEndpoint::Create(endpoint->address(), {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr(StrCat("cannot listen on ", endpoint->address())));
}

TEST(HttpEndpointTest, FreesItsPortWhenItEnds) {
  std::optional<std::string> address;
  {
    const auto endpoint = Serve({});
    address = endpoint->address();
  }
  EXPECT_TRUE(HttpEndpoint::Create(*address, {}).ok());
}

}  // namespace
}  // namespace vitok
