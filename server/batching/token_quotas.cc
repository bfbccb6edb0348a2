#include "server/batching/token_quotas.h"

#include <algorithm>

#include "core/base/str_cat.h"
#include "server/status_details.h"

namespace vitok {

absl::Status TokenQuotas::Take(std::string_view identity, int64_t tokens) {
  const auto listed = options_.quotas.find(identity);
  if (listed == options_.quotas.end() && !options_.other) return absl::OkStatus();
  const Quota& quota = listed != options_.quotas.end() ? listed->second : *options_.other;
  const double burst = static_cast<double>(quota.burst_tokens);

  absl::MutexLock lock(&mutex_);
  const absl::Time now = options_.now();
  auto found = buckets_.find(identity);
  if (found == buckets_.end()) found = buckets_.emplace(identity, Bucket{burst, now}).first;
  Bucket& bucket = found->second;
  const double elapsed = std::max(0.0, absl::ToDoubleSeconds(now - bucket.filled));  // the clock may step back
  bucket.tokens = std::min(burst, bucket.tokens + elapsed * quota.tokens_per_second);
  bucket.filled = now;

  const double needed = std::min(static_cast<double>(tokens), burst);
  if (bucket.tokens < needed) {
    return QueueFullError(
        kReasonQuota,
        StrCat("'", identity, "' asks for ", tokens, " tokens; its quota of ", quota.tokens_per_second,
               " tokens/s has ", static_cast<int64_t>(std::max(0.0, bucket.tokens)), " left"),
        absl::Seconds((needed - bucket.tokens) / quota.tokens_per_second));
  }
  bucket.tokens -= static_cast<double>(tokens);
  return absl::OkStatus();
}

}  // namespace vitok
