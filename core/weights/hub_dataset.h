// Files of data sets of the hub, read over the network without being stored: openers for names of ParseHubDatasetName.
#pragma once

#include "core/base/byte_stream.h"
#include "core/weights/hub_dataset_name.h"
#include "core/weights/hub_options.h"

namespace vitok {

// Both are thread-safe and share connections, which are kept open, and what the hub said: a branch or tag is asked for
// its commit once, so that all files that are opened of it are of one commit as long as the openers live.
//
//   VITOK_ASSIGN_OR_RETURN(HubOptions hub, HubOptionsFromEnvironment(std::getenv));
//   const HubDatasetOpeners openers = MakeHubDatasetOpeners(std::move(hub));
//   ImageSourceOptions options{.openers = {{kHubScheme, openers.stream}}};
//   OpenImageSource("hf://org/repo/{0000..0099}.tar", options);
//
// Opening: INVALID_ARGUMENT, no such name; NOT_FOUND, no such file, revision or repository; UNAUTHENTICATED,
// PERMISSION_DENIED, with what to do; FAILED_PRECONDITION, offline, or the endpoint is no hub; UNAVAILABLE,
// DEADLINE_EXCEEDED, no useful answer in five tries; CANCELLED. Reading: errors of ReadHubRange. Messages begin with
// the name. The callbacks of the options are called from any thread, `sleep` and `cancelled` from several at once.
struct HubDatasetOpeners {
  // Reads ahead on a thread of its own, up to kHubReadAheadBytes. The destructor breaks the transfer off; where nothing
  // comes from the network it takes a second at most. Passing over is no cheaper than reading, but for what has come.
  StreamOpener stream;
  // Each ReadAt is one request, at once with others of other threads, and reads no byte that was not asked for: made
  // for pieces of some MiB. FAILED_PRECONDITION: the hub does not say how large the file is.
  FileOpener file;
};

inline constexpr size_t kHubReadAheadBytes = size_t{4} << 20;

// `options.cache_folder` is not used.
HubDatasetOpeners MakeHubDatasetOpeners(HubOptions options);

}  // namespace vitok
