// Says when files change.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace vitok {

// Looks at files once an interval and calls back when one of them is another file or has been written to, and then has
// stayed as it is for one more interval: a file that is still being written is not read. Follows symbolic links, which
// is how Kubernetes replaces mounted secrets. A file that goes missing is a change too.
//
//   FileWatch watch({path}, absl::Seconds(1));  // before the first read: no change after it is missed
//   ... read the file ...
//   watch.Start([this] { ReadAgain(); });
//
// For one thread, except that `on_change` runs on a thread of its own, one call at a time. That thread ends with the
// object; the destructor waits for a running `on_change`.
class FileWatch {
 public:
  FileWatch(std::vector<std::string> paths, absl::Duration interval);
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  // Must be called at most once.
  void Start(std::function<void()> on_change);

 private:
  // What a change of contents cannot leave as it was; all zero for a missing file.
  struct Signature {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    int64_t modified_ns = 0;
    int64_t changed_ns = 0;

    bool operator==(const Signature&) const = default;
  };

  std::vector<Signature> Look() const;
  void Run(const std::function<void()>& on_change);

  const std::vector<std::string> paths_;
  const absl::Duration interval_;
  std::vector<Signature> known_;  // as of the last callback; of the thread once it runs

  absl::Mutex mutex_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace vitok
