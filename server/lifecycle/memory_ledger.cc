#include "server/lifecycle/memory_ledger.h"

#include <algorithm>
#include <limits>

#include "core/base/str_cat.h"

namespace vitok {

MemoryLedger::Reservation& MemoryLedger::Reservation::operator=(Reservation&& other) noexcept {
  if (this == &other) return *this;
  Release();
  ledger_ = std::exchange(other.ledger_, nullptr);
  device_ = std::move(other.device_);
  number_ = other.number_;
  return *this;
}

void MemoryLedger::Reservation::Release() {
  MemoryLedger* const ledger = std::exchange(ledger_, nullptr);
  if (ledger == nullptr) return;
  absl::MutexLock lock(&ledger->mutex_);
  ledger->devices_[device_].erase(number_);
}

int64_t MemoryLedger::LeftByLimit(const Models& models, const ModelMemory& need) const {
  if (options_.limit_bytes <= 0) return std::numeric_limits<int64_t>::max();
  int64_t weights = 0;
  int64_t activations = 0;
  for (const auto& [number, memory] : models) {
    weights += memory.weights;
    activations = std::max(activations, memory.activations);
  }
  // Activations up to those of the largest model are there already and can be shared.
  const int64_t more = std::max<int64_t>(0, activations - need.activations);
  return std::max<int64_t>(0, options_.limit_bytes - weights - more);
}

absl::StatusOr<MemoryLedger::Reservation> MemoryLedger::Reserve(std::string_view device, const ModelMemory& need) {
  absl::MutexLock lock(&mutex_);
  Models& models = devices_[std::string(device)];
  const int64_t available = std::min(options_.free_bytes(device), LeftByLimit(models, need));
  if (need.weights + need.activations > available) {
    return absl::ResourceExhaustedError(StrCat("needs ", need.weights + need.activations, " bytes on ", device, " (",
                                               need.weights, " for weights, ", need.activations, " for a full batch); ",
                                               available, " are available"));
  }
  models.emplace(++numbers_, need);
  return Reservation(this, std::string(device), numbers_);
}

}  // namespace vitok
