#include "core/weights/http_client.h"

#include <gtest/gtest.h>

#include "absl/time/clock.h"

namespace vitok {
namespace {

HttpReply Reply(const std::string& retry_after) { return {.code = 429, .headers = {{"retry-after", retry_after}}}; }

TEST(HttpClientTest, RetryAfterIsSecondsOrADate) {
  EXPECT_EQ(RetryAfter({}), absl::ZeroDuration());
  EXPECT_EQ(RetryAfter(Reply("12")), absl::Seconds(12));
  EXPECT_EQ(RetryAfter(Reply("-12")), absl::ZeroDuration());
  EXPECT_EQ(RetryAfter(Reply("soon")), absl::ZeroDuration());
  EXPECT_EQ(RetryAfter(Reply("Wed, 21 Oct 2015 07:28:00 GMT")), absl::ZeroDuration());
  const std::string tomorrow =
      absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", absl::Now() + absl::Hours(24), absl::UTCTimeZone());
  EXPECT_GT(RetryAfter(Reply(tomorrow)), absl::Hours(23));
}

TEST(HttpClientTest, RangesOfRepliesAreParsed) {
  const std::optional<ContentRange> range = ParseContentRange("bytes 100-199/1000");
  ASSERT_TRUE(range.has_value());
  EXPECT_EQ(range->first_byte, 100);
  EXPECT_EQ(range->total_bytes, 1000);
  EXPECT_EQ(ParseContentRange("bytes 100-199/*")->total_bytes, std::nullopt);
  for (const char* text : {"", "bytes */1000", "bytes 1-2", "lines 1-2/3", "bytes x-2/3", "bytes 1-2/x"}) {
    EXPECT_FALSE(ParseContentRange(text).has_value()) << text;
  }
}

TEST(HttpClientTest, RedirectsLeadToHttpOnlyAndNeverOutOfTls) {
  EXPECT_EQ(*ResolveRedirect("https://a/b/c", "/d?e=f"), "https://a/d?e=f");
  EXPECT_EQ(*ResolveRedirect("https://a/b/c", "https://x/y"), "https://x/y");
  EXPECT_EQ(*ResolveRedirect("http://a/b", "https://x/y"), "https://x/y");
  EXPECT_FALSE(ResolveRedirect("https://a/b", "http://x/y").ok());
  EXPECT_FALSE(ResolveRedirect("https://a/b", "file:///etc/passwd").ok());
  EXPECT_FALSE(ResolveRedirect("http://a/b", "ftp://x/y").ok());
}

TEST(HttpClientTest, OriginIsSchemeHostAndPort) {
  EXPECT_EQ(UrlOrigin("https://Hub.example/x"), "https://hub.example:443");
  EXPECT_EQ(UrlOrigin("https://hub.example:443/y"), "https://hub.example:443");
  EXPECT_NE(UrlOrigin("http://hub.example/x"), UrlOrigin("https://hub.example/x"));
  EXPECT_NE(UrlOrigin("http://127.0.0.1:1/x"), UrlOrigin("http://127.0.0.1:2/x"));
  EXPECT_EQ(UrlOrigin("https://hub.example@other.example/"), "https://other.example:443");
  EXPECT_EQ(UrlOrigin("nonsense://x"), "");
}

TEST(HttpClientTest, TlsAndLoopbackArePrivate) {
  EXPECT_TRUE(IsPrivateTransport("https://hub.example"));
  EXPECT_TRUE(IsPrivateTransport("http://127.0.0.1:80"));
  EXPECT_TRUE(IsPrivateTransport("http://localhost:80"));
  EXPECT_TRUE(IsPrivateTransport("http://[::1]:80"));
  EXPECT_FALSE(IsPrivateTransport("http://hub.example"));
  EXPECT_FALSE(IsPrivateTransport("http://127.evil.example"));
}

TEST(HttpClientTest, EscapesAllButWhatIsPlain) {
  EXPECT_EQ(UrlEscape("refs/pr-1_a.b~"), "refs%2fpr-1_a.b~");
  EXPECT_EQ(UrlEscape("a b\n"), "a%20b%0a");
  EXPECT_EQ(UrlEscapePath("a/b c/d#?"), "a/b%20c/d%23%3f");
  EXPECT_EQ(UrlUnescape("refs%2Fpr%2f1 a+b%zz"), "refs/pr/1 a+b%zz");
  EXPECT_EQ(UrlUnescape(""), "");
}

TEST(HttpClientTest, RefusesOtherProtocols) {
  EXPECT_EQ(HttpClient().Send({.url = "file:///etc/hostname"}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(HttpClient().Send({.url = "http://127.0.0.1:1/"}).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace vitok
