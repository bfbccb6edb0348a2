#include "core/weights/hub_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <utility>
#include <vector>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/weights/hub_backoff.h"

namespace vitok {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kPollInterval = absl::Milliseconds(200);
constexpr absl::Duration kMaxStandstill = absl::Minutes(1);
constexpr std::chrono::hours kAbandonedAfter{1};

// "<etag>.<8 hex digits>.incomplete" beside the blob: ours, and those of the hub's own library.
std::vector<fs::path> IncompleteFiles(const fs::path& blob) {
  std::vector<fs::path> files;
  const std::string prefix = blob.filename().string() + ".";
  std::error_code error;
  for (fs::directory_iterator entry(blob.parent_path(), error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with(prefix) && name.ends_with(".incomplete")) files.push_back(entry->path());
  }
  return files;
}

uintmax_t IncompleteBytes(const fs::path& blob) {
  uintmax_t sum = 0;
  for (const fs::path& file : IncompleteFiles(blob)) {
    std::error_code error;
    const uintmax_t bytes = fs::file_size(file, error);
    if (!error) sum += bytes;
  }
  return sum;
}

}  // namespace

absl::StatusOr<HubLock> HubLock::Wait(const HubOptions& options, const HubCache& cache, std::string_view etag) {
  const fs::path path = cache.LockPath(etag);
  const fs::path blob = cache.BlobPath(etag);
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  HubLock lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  uintmax_t bytes = 0;
  absl::Duration standstill;
  bool has_warned = false;
  while (lock.fd_ >= 0 && flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) break;  // a file system without locks
    if (fs::exists(blob, error) || standstill >= kMaxStandstill) break;
    if (!has_warned && options.warn) options.warn(StrCat("waiting for another download of ", blob.string()));
    has_warned = true;
    VITOK_RETURN_IF_ERROR(SleepUnlessCancelled(options, kPollInterval));
    const uintmax_t now = IncompleteBytes(blob);
    standstill = now == bytes ? standstill + kPollInterval : absl::ZeroDuration();
    bytes = now;
  }
  return lock;
}

HubLock::HubLock(HubLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

HubLock::~HubLock() {
  if (fd_ >= 0) close(fd_);
}

void RemoveAbandoned(const std::string& blob_path) {
  for (const fs::path& file : IncompleteFiles(blob_path)) {
    std::error_code error;
    const fs::file_time_type written = fs::last_write_time(file, error);
    if (!error && fs::file_time_type::clock::now() - written > kAbandonedAfter) fs::remove(file, error);
  }
}

}  // namespace vitok
