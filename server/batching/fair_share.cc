#include "server/batching/fair_share.h"

#include <algorithm>
#include <optional>

namespace vitok {

void FairShare::Activate(uint64_t model) {
  if (models_[model].active) return;
  std::optional<absl::Duration> least;
  for (const auto& [id, other] : models_) {
    if (other.active) least = std::min(least.value_or(other.given), other.given);
  }
  Model& entry = models_[model];
  entry.active = true;
  entry.given = std::max(entry.given, least.value_or(level_));
}

void FairShare::Deactivate(uint64_t model) {
  const auto found = models_.find(model);
  if (found != models_.end()) found->second.active = false;
}

void FairShare::Charge(uint64_t model, absl::Duration time) {
  Model& entry = models_[model];
  level_ = std::max(level_, entry.given);
  entry.given += time;
}

void FairShare::Correct(uint64_t model, absl::Duration difference) {
  const auto found = models_.find(model);
  if (found != models_.end()) found->second.given += difference;
}

absl::Duration FairShare::Given(uint64_t model) const {
  const auto found = models_.find(model);
  return found == models_.end() ? absl::ZeroDuration() : found->second.given;
}

}  // namespace vitok
