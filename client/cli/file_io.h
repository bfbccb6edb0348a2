// Whole files, with the reason when they cannot be read or written.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace vitok {

// NOT_FOUND: no such file. INVALID_ARGUMENT: a folder. PERMISSION_DENIED and INTERNAL: what the system says.
absl::StatusOr<std::string> ReadFile(const std::string& path);

// Writes under a temporary name and renames, so that nobody sees half a file. INTERNAL: what the system says.
absl::Status WriteFile(const std::string& path, std::string_view bytes);

// Makes the folder that will hold `path`, with its parents. INTERNAL: what the system says.
absl::Status MakeParentFolder(const std::string& path);

}  // namespace vitok
