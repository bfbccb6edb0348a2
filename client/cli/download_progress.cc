#include "client/cli/download_progress.h"

#include <unistd.h>

#include <cstdio>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace vitok {

DownloadProgress::DownloadProgress() : is_shown_(isatty(STDERR_FILENO) == 1) {}

DownloadProgress::~DownloadProgress() { Clear(); }

void DownloadProgress::Draw(const HubProgress& progress) {
  if (!is_shown_) return;
  constexpr absl::Duration kInterval = absl::Milliseconds(100);
  const absl::Time now = absl::Now();
  if (file_ != progress.file) {
    file_ = std::string(progress.file);
    start_ = now;
    start_bytes_ = progress.done_bytes;
  } else if (now - drawn_ < kInterval && progress.done_bytes < progress.total_bytes) {
    return;
  }
  drawn_ = now;
  const double seconds = absl::ToDoubleSeconds(now - start_);
  const double rate = seconds > 0 ? static_cast<double>(progress.done_bytes - start_bytes_) / seconds : 0;
  std::fprintf(stderr, "\r\033[K%s  %s of %s  %s/s", file_.c_str(), BytesText(progress.done_bytes).c_str(),
               BytesText(progress.total_bytes).c_str(), BytesText(static_cast<int64_t>(rate)).c_str());
  std::fflush(stderr);
}

void DownloadProgress::Clear() {
  if (is_shown_ && !file_.empty()) std::fprintf(stderr, "\r\033[K");
  file_.clear();
}

std::string BytesText(int64_t bytes) {
  if (bytes >= 1'000'000'000) return absl::StrFormat("%.2f GB", bytes / 1e9);
  if (bytes >= 1'000'000) return absl::StrFormat("%.1f MB", bytes / 1e6);
  return absl::StrFormat("%.1f KB", bytes / 1e3);
}

}  // namespace vitok
