// Files of credentials: small, and read whole.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace vitok {

inline constexpr size_t kMaxSmallFileBytes = size_t{1} << 20;

// NOT_FOUND: no such file. PERMISSION_DENIED: not readable for this process. INVALID_ARGUMENT: no plain file, or longer
// than kMaxSmallFileBytes. Messages begin with the path.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path);

}  // namespace vitok
