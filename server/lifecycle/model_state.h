// The life of a model in this server. Free of torch.
#pragma once

#include <string_view>

namespace vitok {

// LOADING -> READY -> UNLOADING -> gone, or LOADING -> FAILED, from where it may be loaded again or removed.
enum class ModelState {
  kLoading,    // files are read, or the first batches run
  kReady,      // calls find it
  kUnloading,  // no call finds it; those that had found it finish
  kFailed,     // could not be loaded
};
inline constexpr ModelState kModelStates[] = {ModelState::kLoading, ModelState::kReady, ModelState::kUnloading,
                                              ModelState::kFailed};

// "LOADING", "READY", "UNLOADING", "FAILED".
std::string_view ModelStateName(ModelState state);

}  // namespace vitok
