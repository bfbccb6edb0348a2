// Requests to the hub about the files of one repository of models or data.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/weights/http_client.h"
#include "core/weights/hub_options.h"

namespace vitok {

// What the hub says of a file.
struct HubFile {
  bool exists = false;
  std::string commit;            // 40 hex digits; may be empty of a file that does not exist
  std::string etag;              // of the bytes; for large files their SHA-256; safe as a file name
  std::optional<int64_t> bytes;  // nullopt: not said
};

// Where the hub redirected to for a file, which spares asking it again: its requests are counted. Thread-safe.
class HubPlace {
 public:
  // "" if there is none.
  std::string url() const {
    absl::MutexLock lock(&mutex_);
    return url_;
  }
  void set_url(std::string url) {
    absl::MutexLock lock(&mutex_);
    url_ = std::move(url);
  }

 private:
  mutable absl::Mutex mutex_;
  std::string url_ ABSL_GUARDED_BY(mutex_);
};

// Which bytes of a file are asked for.
struct HubRange {
  int64_t first_byte = 0;
  std::optional<int64_t> end_byte = std::nullopt;  // the first that is not wanted; nullopt: all to the end
  // The etag, as it came, of what was read before; a server whose file has another now is asked to send all of it. May
  // be empty.
  std::string if_etag = {};
  // Where they are asked for first, if it has a URL; nullptr: at the hub. Kept up to date.
  HubPlace* place = nullptr;
};

// One attempt to get a file.
struct HubAttempt {
  absl::Status status;  // UNAVAILABLE, DEADLINE_EXCEEDED: may be tried again
  absl::Duration retry_after;
  int code = 0;  // of the last reply; 0: none
};

// The token goes to the endpoint's own host only, wherever it redirects to. For one thread.
class HubConnection {
 public:
  // `options` must outlive this. `repository`: "org/repo" of models, "datasets/org/repo" of data.
  HubConnection(const HubOptions* options, std::string repository);

  // Tries up to `tries` times. UNAVAILABLE, DEADLINE_EXCEEDED: no useful answer; UNAUTHENTICATED, PERMISSION_DENIED:
  // says what to do; NOT_FOUND: no such repository or revision; FAILED_PRECONDITION: the endpoint is no hub; CANCELLED.
  absl::StatusOr<HubFile> Ask(std::string_view revision, const std::string& file, int tries);

  // Asks for bytes of a file; the reply may hold all (code 200). ABORTED: the hub has other bytes now than those of
  // `etag`. Follows redirects. A place that fails is forgotten, and the hub asked for another. Other errors as Ask and
  // `on_body` have them.
  HubAttempt Get(std::string_view commit, const std::string& file, const std::string& etag, const HubRange& range,
                 const HttpClient::BodyHandler& on_body);

  // The text at a path of the endpoint ("/api/..."), which must not redirect to other hosts. Tries as Ask does; errors
  // as Ask, and RESOURCE_EXHAUSTED: more than max_bytes.
  absl::StatusOr<std::string> GetText(const std::string& path, int64_t max_bytes, int tries);

  // Where a path of the endpoint redirects to, the first place that `is_wanted`. FAILED_PRECONDITION: to none; other
  // errors as Ask.
  absl::StatusOr<std::string> FindRedirect(const std::string& path, int tries,
                                           const std::function<bool(const std::string& url)>& is_wanted);

 private:
  // Calls `attempt` until it is OK or is not to be tried again.
  absl::Status Try(int tries, const std::function<HubAttempt()>& attempt);
  HubAttempt GetTextOnce(const std::string& path, int64_t max_bytes, std::string& text);
  HubAttempt FindRedirectOnce(const std::string& path, const std::function<bool(const std::string& url)>& is_wanted,
                              std::string& found);
  HubAttempt AskOnce(std::string_view revision, const std::string& file, HubFile& answer);
  absl::StatusOr<HttpReply> HeadFollowingRelative(std::string url);
  absl::Status ReadAnswer(const HttpReply& reply, std::string_view revision, const std::string& file,
                          HubFile& answer) const;
  std::string Url(std::string_view revision, const std::string& file) const;
  std::vector<std::string> Headers(const std::string& url) const;
  bool IsHub(const std::string& url) const;
  absl::Status Refusal(const HttpReply& reply, std::string_view revision, bool is_hub) const;

  const HubOptions* const options_;
  const std::string repository_;
  const std::string origin_;  // of the endpoint
  HttpClient http_;
};

}  // namespace vitok
