// Which model the next batch is for. Free of torch.
#pragma once

#include <cstdint>
#include <map>

#include "absl/time/time.h"

namespace vitok {

// Fair queueing over models by device time: of the models that wait, the one that was given least goes next. A model
// that comes back after a pause starts level with those that wait: it cannot catch up on what it did not ask for. So a
// model that floods the device makes another wait for about one of its batches, no more. Not thread-safe.
class FairShare {
 public:
  // The model has work from now on; no effect if it had.
  void Activate(uint64_t model);

  // The model has no work left.
  void Deactivate(uint64_t model);

  // The model is served and will take so much device time.
  void Charge(uint64_t model, absl::Duration time);

  // What a batch took more (or less, negative) than it was charged.
  void Correct(uint64_t model, absl::Duration difference);

  // Time given to the model, on a common scale: less goes first.
  absl::Duration Given(uint64_t model) const;

  // Drops what is known of a model that is gone.
  void Forget(uint64_t model) { models_.erase(model); }

 private:
  struct Model {
    bool active = false;
    absl::Duration given;
  };

  std::map<uint64_t, Model> models_;
  absl::Duration level_;  // of the last model served: where newcomers start if nobody waits
};

}  // namespace vitok
