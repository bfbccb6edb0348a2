#include "core/base/mutex_checks.h"

#include "absl/synchronization/mutex.h"

namespace vitok {

void TurnOffMutexChecks() { absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore); }

}  // namespace vitok
