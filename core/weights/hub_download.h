// The bytes of one file of the hub, on their way into the cache.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "core/weights/hub_cache.h"
#include "core/weights/hub_connection.h"
#include "core/weights/hub_options.h"

namespace vitok {

// Makes the blob of a file, unless it is there with the right size. The bytes go to a file of this call's own, which is
// renamed once it has the size and, where the etag is a SHA-256, the digest that the hub said; without that it is
// deleted. A transfer that breaks off goes on from where it was, up to four more times without progress.
// UNAVAILABLE, DEADLINE_EXCEEDED: too many tries failed; RESOURCE_EXHAUSTED: the disk has no room, found before the
// download or in it; DATA_LOSS: not the bytes that the hub said; ABORTED: changed meanwhile; CANCELLED; errors of
// HubConnection; INTERNAL: the system's. Messages begin with the file's name.
// REQUIRES: `file` exists on the hub; the cache has its folders.
absl::Status DownloadBlob(const HubOptions& options, const HubCache& cache, HubConnection& connection,
                          const std::string& file, const HubFile& answer);

// Whether a blob has this name since it is the SHA-256 of its bytes.
bool IsSha256(std::string_view etag);

}  // namespace vitok
