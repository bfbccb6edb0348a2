// Bytes of one file of the hub, in their order, whatever happens to the connection.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "core/weights/hub_connection.h"
#include "core/weights/hub_options.h"

namespace vitok {

// A file of which all bytes that are read must be of one version. Thread-safe.
class PinnedHubFile {
 public:
  // `answer`: what the hub said of `path`; `place`: where its bytes are, which others that read it may know already.
  // REQUIRES: it exists.
  PinnedHubFile(std::string path, HubFile answer, std::shared_ptr<HubPlace> place)
      : path(std::move(path)), answer(std::move(answer)), place(std::move(place)) {}

  // The etag of the place that bytes come from, which the hub redirects to: that of the first reply counts. ABORTED: it
  // is another one now. "" says nothing.
  absl::Status CheckEtag(const std::string& etag);
  // "" until there was one.
  std::string etag() const;

  const std::string path;  // within the repository
  const HubFile answer;
  const std::shared_ptr<HubPlace> place;

 private:
  mutable absl::Mutex mutex_;
  std::string etag_ ABSL_GUARDED_BY(mutex_);
};

// Gives the bytes from `first_byte` up to `end_byte` (nullopt: the end of the file) to `on_bytes`, whose error ends it.
// A connection that breaks off or crawls is taken up again at the byte where it was, up to four more times without
// progress (HubBackoff). A server that sends the whole file whatever is asked for is read up to the first byte wanted.
// ABORTED: the file was changed meanwhile; DATA_LOSS: it has not the bytes that the hub said; UNAVAILABLE,
// DEADLINE_EXCEEDED: too many tries failed; CANCELLED; errors of HubConnection.
absl::Status ReadHubRange(const HubOptions& options, HubConnection& connection, PinnedHubFile& file, int64_t first_byte,
                          std::optional<int64_t> end_byte,
                          const std::function<absl::Status(std::string_view)>& on_bytes);

}  // namespace vitok
