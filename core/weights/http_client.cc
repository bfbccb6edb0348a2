#include "core/weights/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/base/monotonic_clock.h"
#include "core/base/str_cat.h"
#include "core/base/version.h"

namespace vitok {
namespace {

constexpr size_t kMaxHeaders = 200;
// Of a body that nobody wants: up to here reading it, which keeps the connection, is cheaper than a new connection.
constexpr size_t kMaxPassedOverBytes = size_t{64} << 10;

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, FreeUrl>;

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// "" if the URL has no such part.
std::string UrlPart(const Url& url, CURLUPart part, unsigned int flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url.get(), part, &text, flags) != CURLUE_OK) return "";
  std::string copy = text;
  curl_free(text);
  return copy;
}

Url ParseUrl(const std::string& text) {
  Url url(curl_url());
  if (url != nullptr && curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) url.reset();
  return url;
}

// What the callbacks of one request share.
struct Exchange {
  HttpReply reply;
  const HttpClient::BodyHandler* on_body = nullptr;
  const std::function<bool()>* cancelled = nullptr;
  absl::Status problem;           // why a callback ended the request
  size_t passed_over = 0;         // bytes of a body that nobody wants
  bool body_is_unwanted = false;  // the reply is complete without the rest of it
  absl::Duration stall_timeout;
  absl::Time stretch_start;  // of the speed measured now
  int64_t stretch_bytes = 0;
  int64_t bytes = 0;  // of heads and body
};

size_t OnHeader(char* data, size_t, size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  exchange.bytes += static_cast<int64_t>(size);
  const absl::string_view line = absl::StripAsciiWhitespace(absl::string_view(data, size));
  if (absl::StartsWith(line, "HTTP/")) {  // another head: 100 Continue, or a proxy's, came before
    exchange.reply.headers.clear();
    const std::vector<absl::string_view> words = absl::StrSplit(line, absl::MaxSplits(' ', 2));
    exchange.reply.code = 0;
    if (words.size() < 2 || !absl::SimpleAtoi(words[1], &exchange.reply.code)) exchange.reply.code = 0;
    return size;
  }
  const size_t colon = line.find(':');
  if (colon != absl::string_view::npos && exchange.reply.headers.size() < kMaxHeaders) {
    exchange.reply.headers[absl::AsciiStrToLower(line.substr(0, colon))] =
        std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)));
  }
  return size;
}

size_t OnBody(char* data, size_t, size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  exchange.bytes += static_cast<int64_t>(size);
  const bool is_wanted = exchange.reply.IsSuccess() && *exchange.on_body != nullptr;
  if (!is_wanted && (exchange.passed_over += size) <= kMaxPassedOverBytes) return size;
  if (!is_wanted) {
    exchange.body_is_unwanted = true;
    return 0;
  }
  const absl::Time start = MonotonicNow();
  exchange.problem = (*exchange.on_body)(exchange.reply, std::string_view(data, size));
  exchange.stretch_start += MonotonicNow() - start;
  return exchange.problem.ok() ? size : 0;
}

int OnProgress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& exchange = *static_cast<Exchange*>(user);
  if (*exchange.cancelled != nullptr && (*exchange.cancelled)()) {
    exchange.problem = absl::CancelledError("cancelled");
    return 1;
  }
  const absl::Time now = MonotonicNow();
  const absl::Duration stretch = now - exchange.stretch_start;
  if (stretch < exchange.stall_timeout) return 0;
  const int64_t got = exchange.bytes - exchange.stretch_bytes;
  const bool is_first = exchange.stretch_bytes == 0;  // it may have ended just when the reply began
  const bool is_slow = static_cast<double>(got) < HttpClient::kMinBytesPerSecond * absl::ToDoubleSeconds(stretch);
  if (is_first ? got == 0 : is_slow) {
    exchange.problem = absl::DeadlineExceededError(
        StrCat("too slow: ", got, " bytes in ", absl::FormatDuration(absl::Trunc(stretch, absl::Milliseconds(1)))));
    return 1;
  }
  exchange.stretch_start = now;
  exchange.stretch_bytes = exchange.bytes;
  return 0;
}

// libcurl wants to be set up before any thread uses it.
void SetUpCurl() {
  static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
  static_cast<void>(once);
}

absl::Status ToStatus(CURLcode code, const char* details) {
  const std::string message = *details != '\0' ? details : curl_easy_strerror(code);
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return absl::InvalidArgumentError(message);
    case CURLE_OPERATION_TIMEDOUT: return absl::DeadlineExceededError(message);
    case CURLE_OUT_OF_MEMORY: return absl::ResourceExhaustedError(message);
    default: return absl::UnavailableError(message);
  }
}

}  // namespace

std::string HttpReply::Header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

HttpClient::HttpClient(std::function<bool()> cancelled)
    : handle_((SetUpCurl(), curl_easy_init())), cancelled_(std::move(cancelled)) {}

HttpClient::~HttpClient() { curl_easy_cleanup(handle_); }

absl::StatusOr<HttpReply> HttpClient::Send(const HttpRequest& request, const BodyHandler& on_body) {
  if (handle_ == nullptr) return absl::InternalError("libcurl cannot be set up");
  CURL* const curl = handle_;
  curl_easy_reset(curl);  // keeps the connections
  Exchange exchange;
  exchange.on_body = &on_body;
  exchange.cancelled = &cancelled_;
  exchange.stall_timeout = request.stall_timeout;
  exchange.stretch_start = MonotonicNow();
  std::unique_ptr<curl_slist, FreeList> headers;
  for (const std::string& header : request.headers) {
    headers.reset(curl_slist_append(headers.release(), header.c_str()));
  }
  const std::string agent = StrCat("vitok/", Version());
  char error[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_NOBODY, request.head ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_USERAGENT, agent.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(absl::ToInt64Milliseconds(request.connect_timeout)));
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &OnHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &OnBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &OnProgress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 262144L);
  const CURLcode code = curl_easy_perform(curl);
  if (!exchange.problem.ok()) return exchange.problem;
  if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && exchange.body_is_unwanted)) return ToStatus(code, error);
  return std::move(exchange.reply);
}

std::optional<ContentRange> ParseContentRange(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, absl::ByAnyChar(" -/"));
  ContentRange range;
  if (parts.size() != 4 || parts[0] != "bytes" || !absl::SimpleAtoi(parts[1], &range.first_byte)) return std::nullopt;
  int64_t total_bytes = 0;
  if (absl::SimpleAtoi(parts[3], &total_bytes)) {
    range.total_bytes = total_bytes;
  } else if (parts[3] != "*") {
    return std::nullopt;
  }
  return range;
}

absl::Duration RetryAfter(const HttpReply& reply) {
  const std::string text = reply.Header("retry-after");
  int64_t seconds = 0;
  if (absl::SimpleAtoi(text, &seconds)) return absl::Seconds(std::max<int64_t>(seconds, 0));
  const time_t date = curl_getdate(text.c_str(), nullptr);
  return date < 0 ? absl::ZeroDuration() : std::max(absl::FromTimeT(date) - absl::Now(), absl::ZeroDuration());
}

absl::StatusOr<std::string> ResolveRedirect(const std::string& base, const std::string& location) {
  const Url url = ParseUrl(base);
  if (url == nullptr || curl_url_set(url.get(), CURLUPART_URL, location.c_str(), 0) != CURLUE_OK) {
    return absl::InvalidArgumentError("redirected to what is no URL");
  }
  const std::string scheme = UrlPart(url, CURLUPART_SCHEME);
  if (scheme == "https" || (scheme == "http" && !absl::StartsWith(base, "https:"))) return UrlPart(url, CURLUPART_URL);
  return absl::InvalidArgumentError(StrCat("redirected to ", scheme, "://, which must not be followed from ", base));
}

std::string UrlOrigin(const std::string& text) {
  const Url url = ParseUrl(text);
  if (url == nullptr) return "";
  const std::string scheme = UrlPart(url, CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") return "";
  return StrCat(scheme, "://", absl::AsciiStrToLower(UrlPart(url, CURLUPART_HOST)), ":",
                UrlPart(url, CURLUPART_PORT, CURLU_DEFAULT_PORT));
}

bool IsPrivateTransport(const std::string& text) {
  const Url url = ParseUrl(text);
  if (url == nullptr) return false;
  const std::string host = UrlPart(url, CURLUPART_HOST);
  const bool is_loopback = host == "localhost" || host == "[::1]" ||
                           (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos);
  return UrlPart(url, CURLUPART_SCHEME) == "https" || is_loopback;
}

std::string UrlEscape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains("-._~", std::string(1, c))) {
      escaped += c;
    } else {
      absl::StrAppend(&escaped, "%", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    }
  }
  return escaped;
}

std::string UrlUnescape(std::string_view text) {
  if (text.empty()) return "";  // libcurl would look for its end
  int bytes = 0;
  char* const plain = curl_easy_unescape(nullptr, text.data(), static_cast<int>(text.size()), &bytes);
  if (plain == nullptr) return "";
  std::string copy(plain, bytes);
  curl_free(plain);
  return copy;
}

std::string UrlEscapePath(std::string_view path) {
  const std::vector<absl::string_view> parts = absl::StrSplit(ToAbsl(path), '/');
  return absl::StrJoin(parts, "/", [](std::string* out, absl::string_view part) {
    out->append(UrlEscape({part.data(), part.size()}));
  });
}

}  // namespace vitok
