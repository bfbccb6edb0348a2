// One download of a file at a time, as far as locks work.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/weights/hub_cache.h"
#include "core/weights/hub_options.h"

namespace vitok {

// A courtesy: who has not got it may download all the same, since nobody writes to the file of another. On file systems
// without locks everybody gets one. Given back on destruction, and by the system at the end of the process.
class HubLock {
 public:
  // Waits while another process or call downloads this blob, until it is there (then without the lock), the other is
  // done, or has written nothing for a minute. CANCELLED.
  static absl::StatusOr<HubLock> Wait(const HubOptions& options, const HubCache& cache, std::string_view etag);

  HubLock(HubLock&& other) noexcept;
  ~HubLock();
  HubLock(const HubLock&) = delete;
  HubLock& operator=(const HubLock&) = delete;
  HubLock& operator=(HubLock&&) = delete;

 private:
  explicit HubLock(int fd) : fd_(fd) {}

  int fd_;  // -1: none
};

// Deletes what downloads that were killed have left of this blob: files to which nobody has written for an hour.
void RemoveAbandoned(const std::string& blob_path);

}  // namespace vitok
