// What the models of each device take of its memory. Free of torch.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace vitok {

// What a model needs on its device.
struct ModelMemory {
  int64_t weights = 0;      // bytes
  int64_t activations = 0;  // bytes, while its largest batch runs
};

// Says before a model is loaded whether it fits: its weights and activations into what the device has free, and, under
// a limit, the weights of all models together with the largest activations (a device runs one batch at a time).
// Thread-safe; outlives its reservations.
class MemoryLedger {
 public:
  // Memory of a model, given back on destruction.
  class Reservation {
   public:
    Reservation() = default;
    Reservation(Reservation&& other) noexcept { *this = std::move(other); }
    Reservation& operator=(Reservation&& other) noexcept;
    ~Reservation() { Release(); }

   private:
    friend class MemoryLedger;
    Reservation(MemoryLedger* ledger, std::string device, uint64_t number)
        : ledger_(ledger), device_(std::move(device)), number_(number) {}
    void Release();

    MemoryLedger* ledger_ = nullptr;
    std::string device_;
    uint64_t number_ = 0;
  };

  struct Options {
    int64_t limit_bytes = 0;                                     // of the models of each device; 0: none
    std::function<int64_t(std::string_view device)> free_bytes;  // what a device has free now
  };

  explicit MemoryLedger(Options options) : options_(std::move(options)) {}
  MemoryLedger(const MemoryLedger&) = delete;
  MemoryLedger& operator=(const MemoryLedger&) = delete;

  // RESOURCE_EXHAUSTED names what is needed and what is available.
  absl::StatusOr<Reservation> Reserve(std::string_view device, const ModelMemory& need);

 private:
  using Models = std::map<uint64_t, ModelMemory>;

  // Of a limit; what the models there are leave for one that needs `need`.
  int64_t LeftByLimit(const Models& models, const ModelMemory& need) const;

  const Options options_;
  absl::Mutex mutex_;
  std::map<std::string, Models, std::less<>> devices_ ABSL_GUARDED_BY(mutex_);
  uint64_t numbers_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace vitok
