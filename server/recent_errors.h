// The last errors of calls, for people who look at the status page. Free of torch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace vitok {

struct RecentError {
  absl::Time time;  // of the last one
  std::string method;
  std::string model;  // "name:version", or "" if the call named none that is here
  absl::StatusCode code = absl::StatusCode::kUnknown;
  std::string message;  // cut to a few hundred bytes
  int64_t count = 1;
};

// Keeps the last `capacity` different errors: those of one method, model and code with the same `kind` are one entry,
// which counts them, so that a flood of refusals leaves the others to be seen. Thread-safe.
class RecentErrors {
 public:
  // REQUIRES: capacity > 0.
  explicit RecentErrors(size_t capacity = 50) : capacity_(capacity) {}

  // `kind`: what makes errors the same, "": their messages do.
  void Add(absl::Time time, std::string_view method, std::string_view model, absl::StatusCode code,
           std::string_view kind, std::string_view message);

  // The newest first.
  std::vector<RecentError> List() const;

 private:
  struct Entry {
    RecentError error;
    std::string kind;
  };

  const size_t capacity_;
  mutable absl::Mutex mutex_;
  std::list<Entry> entries_ ABSL_GUARDED_BY(mutex_);  // the newest first
};

}  // namespace vitok
