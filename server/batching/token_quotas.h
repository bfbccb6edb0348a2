// How much each client may ask for. Free of torch.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/monotonic_clock.h"

namespace vitok {

// A token bucket an identity: it fills at tokens_per_second up to burst_tokens, and a request takes its tokens out.
// A request larger than the burst is taken when the bucket is full and paid off afterwards, so that no legal request is
// refused for ever. Thread-safe.
class TokenQuotas {
 public:
  struct Quota {
    double tokens_per_second = 0;  // REQUIRES: positive
    int64_t burst_tokens = 0;      // REQUIRES: positive
  };
  struct Options {
    std::map<std::string, Quota, std::less<>> quotas;  // by identity
    std::optional<Quota> other;                        // of each identity that is not listed; nullopt: no quota
    std::function<absl::Time()> now = &MonotonicNow;
  };

  explicit TokenQuotas(Options options) : options_(std::move(options)) {}

  // Never blocks. RESOURCE_EXHAUSTED (QUOTA) with RetryInfo: the bucket holds too little now.
  absl::Status Take(std::string_view identity, int64_t tokens);

 private:
  struct Bucket {
    double tokens = 0;  // negative: still to be paid off
    absl::Time filled;  // when `tokens` was right
  };

  const Options options_;

  absl::Mutex mutex_;
  std::map<std::string, Bucket, std::less<>> buckets_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace vitok
