// How the model hub is reached, and where what comes from it is kept.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace vitok {

inline constexpr char kDefaultHubEndpoint[] = "https://huggingface.co";

// Bytes of one file.
struct HubProgress {
  std::string_view file;
  int64_t done_bytes = 0;
  int64_t total_bytes = 0;
};

struct HubOptions {
  std::string endpoint = kDefaultHubEndpoint;  // http or https, without '/' at the end; or of a mirror
  std::string cache_folder;                    // REQUIRED
  std::string token;     // "": none. Sent to the endpoint only, and not in the clear but to this machine
  bool offline = false;  // ask the cache only
  absl::Duration etag_timeout = absl::Seconds(10);      // for what is asked about a file
  absl::Duration download_timeout = absl::Seconds(10);  // without progress

  // Called while a file is downloaded, for each piece that came; may be empty.
  std::function<void(const HubProgress&)> on_progress;
  // Asked about once a second; true ends the work with CANCELLED. May be empty.
  std::function<bool()> cancelled;
  // Gets what goes on despite a problem, such as an older copy that is used since nobody answered; may be empty.
  std::function<void(const std::string&)> warn;

  // What tests replace.
  std::function<void(absl::Duration)> sleep;                          // empty: the thread sleeps
  std::function<int64_t(const std::string& folder)> free_disk_bytes;  // empty: of the file system of the folder
};

// The options that the environment asks for, by the variables that the hub's own library (huggingface_hub) has:
//   cache      HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, $HF_HOME/hub, $XDG_CACHE_HOME/huggingface/hub,
//              $HOME/.cache/huggingface/hub, the first that is set
//   token      HF_TOKEN, HUGGING_FACE_HUB_TOKEN, the file HF_TOKEN_PATH, the file $HF_HOME/token; none with
//              HF_HUB_DISABLE_IMPLICIT_TOKEN
//   others     HF_ENDPOINT, HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE, HF_HUB_ETAG_TIMEOUT, HF_HUB_DOWNLOAD_TIMEOUT (s)
// `get` is std::getenv, called in main. INVALID_ARGUMENT names the variable whose value cannot be used, or says that
// none tells where the cache is.
absl::StatusOr<HubOptions> HubOptionsFromEnvironment(const std::function<const char*(const char*)>& get);

}  // namespace vitok
