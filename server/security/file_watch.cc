#include "server/security/file_watch.h"

#include <sys/stat.h>

#include <utility>

#include "core/base/named_thread.h"

namespace vitok {
namespace {

int64_t Nanoseconds(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

}  // namespace

FileWatch::FileWatch(std::vector<std::string> paths, absl::Duration interval)
    : paths_(std::move(paths)), interval_(interval), known_(Look()) {}

FileWatch::~FileWatch() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void FileWatch::Start(std::function<void()> on_change) {
  thread_ = NamedThread("vitok-files", [this, on_change = std::move(on_change)] { Run(on_change); });
}

std::vector<FileWatch::Signature> FileWatch::Look() const {
  std::vector<Signature> signatures;
  for (const std::string& path : paths_) {
    struct stat info = {};
    if (stat(path.c_str(), &info) != 0) info = {};
    signatures.push_back(
        {info.st_dev, info.st_ino, info.st_size, Nanoseconds(info.st_mtim), Nanoseconds(info.st_ctim)});
  }
  return signatures;
}

void FileWatch::Run(const std::function<void()>& on_change) {
  std::vector<Signature> last = known_;
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (mutex_.AwaitWithTimeout(absl::Condition(&stop_), interval_)) return;
    }
    std::vector<Signature> now = Look();
    const bool settled = now == last;
    last = std::move(now);
    if (!settled || last == known_) continue;
    known_ = last;
    on_change();
  }
}

}  // namespace vitok
