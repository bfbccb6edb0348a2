// How far a download is, for people who watch.
#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "core/weights/hub_options.h"

namespace vitok {

// One line on standard error, drawn anew at most ten times a second and removed at the end. Draws nothing unless
// standard error is a terminal. For one thread.
class DownloadProgress {
 public:
  DownloadProgress();
  ~DownloadProgress();
  DownloadProgress(const DownloadProgress&) = delete;
  DownloadProgress& operator=(const DownloadProgress&) = delete;

  void Draw(const HubProgress& progress);
  void Clear();

 private:
  const bool is_shown_;
  std::string file_;  // drawn last
  absl::Time start_, drawn_;
  int64_t start_bytes_ = 0;
};

// "303.2 MB", in powers of ten.
std::string BytesText(int64_t bytes);

}  // namespace vitok
