// Digests of files.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace vitok {

// SHA-256 of a file's bytes as 64 lower-case hex digits. NOT_FOUND: no such file; INTERNAL with the system's reason: it
// cannot be read. Messages begin with the path.
absl::StatusOr<std::string> Sha256OfFile(const std::string& path);

}  // namespace vitok
