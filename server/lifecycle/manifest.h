// The digests of a model folder's files. Free of torch.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace vitok {

// The name of the file of digests, as `sha256sum *.safetensors > SHA256SUMS` writes it: lines of 64 hex digits, two
// spaces (or a space and '*') and a file name.
inline constexpr char kManifestFile[] = "SHA256SUMS";

// OK if the folder has no manifest, or if every file that it lists has its digest and it lists every *.safetensors file
// of the folder. FAILED_PRECONDITION names the file and both digests, the file that is not listed or not there, or the
// line that is wrong. Reads all listed files.
absl::Status CheckManifest(const std::string& folder);

}  // namespace vitok
