// Bytes on their way from one thread to another, in bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"

namespace vitok {

// For one thread that writes and one that reads. Holds `capacity_bytes` at most: who writes faster than the other reads
// waits. Both close it, in any order, and neither waits for the other after that.
class BytePipe {
 public:
  // REQUIRES: capacity_bytes > 0.
  explicit BytePipe(size_t capacity_bytes);

  // By the thread that writes. Returns when all is in the pipe, or, with false, when nobody reads any more.
  bool Write(std::string_view bytes);
  // There is no more: OK at the end of the data, or why it ends before. What is in the pipe is still read.
  void CloseWriter(absl::Status status);

  // By the thread that reads. Waits until there is something and gives what there is, at most `out.size()` bytes; 0 at
  // the end, or the status that the pipe was closed with.
  absl::StatusOr<int64_t> Read(absl::Span<char> out);
  // Drops at most `bytes` bytes of what is there and says how many. Never waits.
  int64_t Skip(int64_t bytes);
  void CloseReader();

 private:
  bool HasRoom() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return reader_closed_ || filled_ < capacity_; }
  bool HasNews() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return writer_closed_ || filled_ > 0; }

  const size_t capacity_;
  // A ring, of which each thread touches the part that is its own: bytes are copied without the lock.
  const std::unique_ptr<char[]> ring_;
  size_t write_at_ = 0;  // of the thread that writes
  size_t read_at_ = 0;   // of the thread that reads

  absl::Mutex mutex_;
  size_t filled_ ABSL_GUARDED_BY(mutex_) = 0;
  bool reader_closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool writer_closed_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace vitok
