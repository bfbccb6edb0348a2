// HTTP and HTTPS requests of the hub client, over libcurl. Free of torch.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace vitok {

struct HttpRequest {
  std::string url;
  bool head = false;                 // else GET
  std::vector<std::string> headers;  // "Name: value"
  absl::Duration connect_timeout = absl::Seconds(10);
  // The server must begin to answer within this time, and then send kMinBytesPerSecond over each stretch of it: what
  // comes a byte at a time is given up too. What the body handler takes of the time does not count.
  absl::Duration stall_timeout = absl::Seconds(10);
};

struct HttpReply {
  int code = 0;
  std::map<std::string, std::string> headers;  // names in lower case; of a name that comes twice, the last

  // "" without it.
  std::string Header(const std::string& name) const;
  bool IsRedirect() const { return code >= 300 && code < 400 && headers.contains("location"); }
  bool IsSuccess() const { return code >= 200 && code < 300; }
};

// One connection, kept open between requests to the same server. Follows no redirect. Proxies are those of the
// environment (https_proxy and the like). For one thread.
class HttpClient {
 public:
  static constexpr int64_t kMinBytesPerSecond = 1024;

  // Gets the body of a reply of code 2xx as it comes; an error ends the request and becomes its result.
  using BodyHandler = std::function<absl::Status(const HttpReply&, std::string_view bytes)>;

  // `cancelled` is asked about once a second, and whenever something comes; may be empty.
  explicit HttpClient(std::function<bool()> cancelled = nullptr);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // The reply, whatever its code; bodies of other codes than 2xx go to nobody. UNAVAILABLE: no connection, or one
  // that broke off; DEADLINE_EXCEEDED: too slow; CANCELLED; INVALID_ARGUMENT: the URL; what `on_body` returned.
  absl::StatusOr<HttpReply> Send(const HttpRequest& request, const BodyHandler& on_body = nullptr);

 private:
  void* const handle_;  // CURL
  const std::function<bool()> cancelled_;
};

// Of "bytes 100-199/1000".
struct ContentRange {
  int64_t first_byte = 0;
  std::optional<int64_t> total_bytes;  // nullopt: "*"
};
// nullopt: not of this form, among them "bytes */1000".
std::optional<ContentRange> ParseContentRange(const std::string& text);

// How long the server asks to wait before the next try (Retry-After, seconds or a date); zero if it does not.
absl::Duration RetryAfter(const HttpReply& reply);

// Where `location` of a reply from `base` leads. INVALID_ARGUMENT: not to http or https, or from https to http.
absl::StatusOr<std::string> ResolveRedirect(const std::string& base, const std::string& location);

// "https://host:443", for http and https URLs; "" for others.
std::string UrlOrigin(const std::string& url);

// Whether what is sent there stays on this machine or goes through TLS.
bool IsPrivateTransport(const std::string& url);

// `text` as one part of a path: all but letters, digits and -._~ as %XX.
std::string UrlEscape(std::string_view text);

// The reverse.
std::string UrlUnescape(std::string_view text);

// `path` with each of its parts escaped so.
std::string UrlEscapePath(std::string_view path);

}  // namespace vitok
