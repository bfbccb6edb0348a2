#include "core/weights/hub_connection.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/weights/hub_backoff.h"
#include "core/weights/hub_cache.h"
#include "core/weights/hub_source.h"

namespace vitok {
namespace {

constexpr int kMaxRedirects = 5;

// Of "W/\"abc\"": abc.
std::string PlainEtag(std::string etag) {
  if (etag.starts_with("W/")) etag.erase(0, 2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') etag = etag.substr(1, etag.size() - 2);
  return etag;
}

// That of the file where the hub says so, else of the reply.
std::string EtagOf(const HttpReply& reply) {
  const std::string linked = reply.Header("x-linked-etag");
  return PlainEtag(linked.empty() ? reply.Header("etag") : linked);
}

// "https://cdn/x", "//cdn/x"; not "/x".
bool IsAbsolute(const std::string& location) {
  const size_t colon = location.find(':');
  return location.starts_with("//") || location.starts_with("/\\") || colon < location.find('/');
}

std::optional<int64_t> BytesOf(const HttpReply& reply) {
  std::string text = reply.Header("x-linked-size");
  // The length of a redirection is that of its own text.
  if (text.empty() && !reply.IsRedirect()) text = reply.Header("content-length");
  int64_t bytes = 0;
  if (!absl::SimpleAtoi(text, &bytes) || bytes < 0) return std::nullopt;
  return bytes;
}

bool IsPassing(int code) { return code == 408 || code == 429 || code >= 500; }

// Without what would end a line of a log or a header.
std::string Printable(const std::string& text) {
  std::string shown;
  for (const char c : text.substr(0, 200)) shown += absl::ascii_isprint(static_cast<unsigned char>(c)) ? c : '?';
  return shown;
}

absl::Status WithPrefix(const std::string& prefix, const absl::Status& status) {
  return absl::Status(status.code(), StrCat(prefix, ": ", status.message()));
}

}  // namespace

HubConnection::HubConnection(const HubOptions* options, std::string repository)
    : options_(options),
      repository_(std::move(repository)),
      origin_(UrlOrigin(options->endpoint)),
      http_(options->cancelled) {}

std::string HubConnection::Url(std::string_view revision, const std::string& file) const {
  return StrCat(options_->endpoint, "/", repository_, "/resolve/", UrlEscape(revision), "/", UrlEscapePath(file));
}

bool HubConnection::IsHub(const std::string& url) const { return !origin_.empty() && UrlOrigin(url) == origin_; }

std::vector<std::string> HubConnection::Headers(const std::string& url) const {
  // Ranges and sizes are those of the file, not of a compressed form.
  std::vector<std::string> headers = {"Accept-Encoding: identity"};
  if (!options_->token.empty() && IsHub(url) && IsPrivateTransport(url)) {
    headers.push_back(StrCat("Authorization: Bearer ", options_->token));
  }
  return headers;
}

// What a reply that is neither a success nor a redirection means.
absl::Status HubConnection::Refusal(const HttpReply& reply, std::string_view revision, bool is_hub) const {
  const std::string what = StrCat("the hub (", options_->endpoint, ") answered ", reply.code);
  if (IsPassing(reply.code)) return absl::UnavailableError(StrCat(is_hub ? what : StrCat("HTTP code ", reply.code)));
  // A place for a short time that a redirection named; the next try is led to a new one.
  if (!is_hub) return absl::UnavailableError(StrCat("HTTP code ", reply.code, " where the hub led to"));
  const std::string reason = Printable(reply.Header("x-error-code"));
  const std::string repository = StrCat("repository ", repository_);
  if (reply.code == 401 || reply.code == 403) {
    const bool is_gated = reason == "GatedRepo";
    const std::string todo = options_->token.empty() ? "set HF_TOKEN to a token that may read it"
                             : !IsPrivateTransport(options_->endpoint)
                                 ? "a token is sent over https only, and HF_ENDPOINT is http"
                                 : "the token that was sent (HF_TOKEN or the file of a login) may not read it";
    const std::string message = is_gated ? StrCat(what, ": ", repository, " is gated: accept its terms at ",
                                                  options_->endpoint, "/", repository_, ", and ", todo)
                                         : StrCat(what, ": ", repository, " is private, or does not exist: ", todo);
    return reply.code == 401 ? absl::UnauthenticatedError(message) : absl::PermissionDeniedError(message);
  }
  if (reply.code == 404 && reason == "RevisionNotFound") {
    return absl::NotFoundError(StrCat(what, ": ", repository, " has no revision ", revision));
  }
  if (reply.code == 404) return absl::NotFoundError(StrCat(what, ": no ", repository));
  return absl::FailedPreconditionError(reason.empty() ? what : StrCat(what, " (", reason, ")"));
}

absl::StatusOr<HttpReply> HubConnection::HeadFollowingRelative(std::string url) {
  for (int redirects = 0;; ++redirects) {
    HttpRequest request{.url = url, .head = true, .headers = Headers(url)};
    request.connect_timeout = request.stall_timeout = options_->etag_timeout;
    VITOK_ASSIGN_OR_RETURN(HttpReply reply, http_.Send(request));
    const std::string location = reply.Header("location");
    if (!reply.IsRedirect() || IsAbsolute(location)) return reply;
    VITOK_ASSIGN_OR_RETURN(url, ResolveRedirect(url, location));
    if (!IsHub(url)) return absl::FailedPreconditionError("a relative redirect led to another host");
    if (redirects == kMaxRedirects) return absl::FailedPreconditionError("too many redirects");
  }
}

absl::Status HubConnection::ReadAnswer(const HttpReply& reply, std::string_view revision, const std::string& file,
                                       HubFile& answer) const {
  const std::string commit = reply.Header("x-repo-commit");
  if (IsCommit(commit)) answer.commit = commit;
  const std::string reason = reply.Header("x-error-code");
  if (reply.code == 404 && (reason.empty() || reason == "EntryNotFound")) return absl::OkStatus();
  if (!reply.IsSuccess() && !reply.IsRedirect()) return Refusal(reply, revision, /*is_hub=*/true);
  answer.exists = true;
  answer.etag = EtagOf(reply);
  answer.bytes = BytesOf(reply);
  if (!answer.commit.empty() && IsSafeName(answer.etag)) return absl::OkStatus();
  return absl::FailedPreconditionError(StrCat(options_->endpoint, " does not answer as a model hub (X-Repo-Commit '",
                                              Printable(commit), "', ETag '", Printable(answer.etag), "' of ", file,
                                              "): is HF_ENDPOINT right, or a proxy in between?"));
}

HubAttempt HubConnection::AskOnce(std::string_view revision, const std::string& file, HubFile& answer) {
  answer = {};
  const absl::StatusOr<HttpReply> reply = HeadFollowingRelative(Url(revision, file));
  if (!reply.ok()) return {.status = WithPrefix(options_->endpoint, reply.status())};
  return {.status = ReadAnswer(*reply, revision, file, answer), .retry_after = RetryAfter(*reply), .code = reply->code};
}

absl::StatusOr<HubFile> HubConnection::Ask(std::string_view revision, const std::string& file, int tries) {
  HubFile answer;
  VITOK_RETURN_IF_ERROR(Try(tries, [&] { return AskOnce(revision, file, answer); }));
  return answer;
}

absl::Status HubConnection::Try(int tries, const std::function<HubAttempt()>& attempt) {
  HubBackoff backoff(options_, tries);
  while (true) {
    const HubAttempt result = attempt();
    if (result.status.ok()) return result.status;
    VITOK_RETURN_IF_ERROR(backoff.Wait(result.status, result.retry_after));
  }
}

HubAttempt HubConnection::Get(std::string_view commit, const std::string& file, const std::string& etag,
                              const HubRange& range, const HttpClient::BodyHandler& on_body) {
  const std::string known = range.place == nullptr ? "" : range.place->url();
  std::string url = known.empty() ? Url(commit, file) : known;
  bool is_known = !known.empty();
  const auto check_etag = [&](const HttpReply& reply) -> absl::Status {
    // A redirection's own etag is that of its text.
    const std::string now = reply.IsRedirect() ? PlainEtag(reply.Header("x-linked-etag")) : EtagOf(reply);
    if (!IsHub(url) || now.empty() || now == etag) return absl::OkStatus();
    return absl::AbortedError(
        StrCat("was changed on the hub while it was downloaded: its etag was ", etag, " and is ", Printable(now)));
  };
  for (int redirects = 0; redirects <= kMaxRedirects; ++redirects) {
    HttpRequest request{.url = url, .headers = Headers(url)};
    request.connect_timeout = request.stall_timeout = options_->download_timeout;
    if (range.first_byte > 0 || range.end_byte.has_value()) {
      const std::string last_byte = range.end_byte.has_value() ? StrCat(*range.end_byte - 1) : "";
      request.headers.push_back(StrCat("Range: bytes=", range.first_byte, "-", last_byte));
      if (!range.if_etag.empty()) request.headers.push_back(StrCat("If-Range: ", range.if_etag));
    }
    const absl::StatusOr<HttpReply> reply =
        http_.Send(request, [&](const HttpReply& head, std::string_view bytes) -> absl::Status {
          VITOK_RETURN_IF_ERROR(check_etag(head));
          return on_body(head, bytes);
        });
    const bool is_refused = reply.ok() && !reply->IsSuccess() && !reply->IsRedirect();
    const bool is_bad = is_refused || (!reply.ok() && !absl::IsCancelled(reply.status()));
    if (range.place != nullptr && is_bad) range.place->set_url("");
    if (!reply.ok()) return {.status = reply.status()};
    if (is_known && is_refused && !IsPassing(reply->code)) {  // such places expire
      url = Url(commit, file);
      is_known = false;
      continue;
    }
    HubAttempt attempt{.retry_after = RetryAfter(*reply), .code = reply->code};
    if (reply->IsSuccess() || reply->IsRedirect()) attempt.status = check_etag(*reply);
    if (is_refused) attempt.status = Refusal(*reply, commit, IsHub(url));
    if (!attempt.status.ok() || !reply->IsRedirect()) return attempt;
    absl::StatusOr<std::string> next = ResolveRedirect(url, reply->Header("location"));
    if (!next.ok()) return {.status = next.status(), .code = reply->code};
    if (range.place != nullptr && IsHub(url) && !IsHub(*next)) range.place->set_url(*next);
    url = *std::move(next);
    is_known = false;
  }
  return {.status = absl::FailedPreconditionError("too many redirects")};
}

HubAttempt HubConnection::GetTextOnce(const std::string& path, int64_t max_bytes, std::string& text) {
  std::string url = options_->endpoint + path;
  for (int redirects = 0; redirects <= kMaxRedirects; ++redirects) {
    text.clear();
    HttpRequest request{.url = url, .headers = Headers(url)};
    request.connect_timeout = request.stall_timeout = options_->etag_timeout;
    const absl::StatusOr<HttpReply> reply =
        http_.Send(request, [&](const HttpReply&, std::string_view bytes) -> absl::Status {
          if (static_cast<int64_t>(text.size() + bytes.size()) > max_bytes) {
            return absl::ResourceExhaustedError(StrCat("answers with more than ", max_bytes, " bytes"));
          }
          text += bytes;
          return absl::OkStatus();
        });
    if (!reply.ok()) return {.status = WithPrefix(options_->endpoint, reply.status())};
    HubAttempt attempt{.retry_after = RetryAfter(*reply), .code = reply->code};
    if (!reply->IsSuccess() && !reply->IsRedirect()) attempt.status = Refusal(*reply, "main", /*is_hub=*/true);
    if (!reply->IsRedirect()) return attempt;
    absl::StatusOr<std::string> next = ResolveRedirect(url, reply->Header("location"));
    if (!next.ok()) return {.status = next.status()};
    if (!IsHub(*next)) return {.status = absl::FailedPreconditionError("a redirect led to another host")};
    url = *std::move(next);
  }
  return {.status = absl::FailedPreconditionError("too many redirects")};
}

absl::StatusOr<std::string> HubConnection::GetText(const std::string& path, int64_t max_bytes, int tries) {
  std::string text;
  VITOK_RETURN_IF_ERROR(Try(tries, [&] { return GetTextOnce(path, max_bytes, text); }));
  return text;
}

HubAttempt HubConnection::FindRedirectOnce(const std::string& path,
                                           const std::function<bool(const std::string& url)>& is_wanted,
                                           std::string& found) {
  std::string url = options_->endpoint + path;
  for (int redirects = 0; redirects <= kMaxRedirects; ++redirects) {
    HttpRequest request{.url = url, .head = true, .headers = Headers(url)};
    request.connect_timeout = request.stall_timeout = options_->etag_timeout;
    const absl::StatusOr<HttpReply> reply = http_.Send(request);
    if (!reply.ok()) return {.status = WithPrefix(options_->endpoint, reply.status())};
    HubAttempt attempt{.retry_after = RetryAfter(*reply), .code = reply->code};
    if (!reply->IsSuccess() && !reply->IsRedirect()) attempt.status = Refusal(*reply, "main", /*is_hub=*/true);
    if (!attempt.status.ok()) return attempt;
    if (!reply->IsRedirect()) break;
    absl::StatusOr<std::string> next = ResolveRedirect(url, reply->Header("location"));
    if (!next.ok()) return {.status = next.status()};
    found = url = *std::move(next);
    if (is_wanted(found)) return attempt;
    if (!IsHub(url)) break;
  }
  return {.status = absl::FailedPreconditionError(StrCat(options_->endpoint, path, " leads to nothing that is known"))};
}

absl::StatusOr<std::string> HubConnection::FindRedirect(const std::string& path, int tries,
                                                        const std::function<bool(const std::string& url)>& is_wanted) {
  std::string found;
  VITOK_RETURN_IF_ERROR(Try(tries, [&] { return FindRedirectOnce(path, is_wanted, found); }));
  return found;
}

}  // namespace vitok
