// Whether and when one request is sent again.
#pragma once

#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/bench/load_driver_options.h"

namespace vitok {

// Not thread-safe.
class RequestRetries {
 public:
  // The time of the request starts now. `options` must outlive this object.
  explicit RequestRetries(const LoadDriverOptions* options);

  // When to send the request again after a call for it ended with `failure`. nullopt: never; that is its outcome.
  std::optional<absl::Time> Next(const absl::Status& failure);

  absl::Time deadline() const { return deadline_; }
  int count() const { return count_; }  // times that Next gave

 private:
  const LoadDriverOptions* options_;
  absl::Time deadline_;
  int count_ = 0;
  size_t unanswered_ = 0;
};

}  // namespace vitok
