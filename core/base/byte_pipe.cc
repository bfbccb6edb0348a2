#include "core/base/byte_pipe.h"

#include <algorithm>
#include <utility>

namespace vitok {

BytePipe::BytePipe(size_t capacity_bytes)
    : capacity_(capacity_bytes), ring_(std::make_unique_for_overwrite<char[]>(capacity_bytes)) {}

bool BytePipe::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    size_t room = 0;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &BytePipe::HasRoom));
      if (reader_closed_) return false;
      room = capacity_ - filled_;
    }
    const size_t piece = std::min({room, bytes.size(), capacity_ - write_at_});
    std::copy_n(bytes.data(), piece, ring_.get() + write_at_);
    write_at_ = (write_at_ + piece) % capacity_;
    bytes.remove_prefix(piece);
    absl::MutexLock lock(&mutex_);
    filled_ += piece;
  }
  return true;
}

void BytePipe::CloseWriter(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  writer_closed_ = true;
  end_ = std::move(status);
}

absl::StatusOr<int64_t> BytePipe::Read(absl::Span<char> out) {
  size_t there = 0;
  {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &BytePipe::HasNews));
    if (filled_ == 0 && !end_.ok()) return end_;
    there = filled_;
  }
  const size_t piece = std::min({there, out.size(), capacity_ - read_at_});
  std::copy_n(ring_.get() + read_at_, piece, out.data());
  read_at_ = (read_at_ + piece) % capacity_;
  absl::MutexLock lock(&mutex_);
  filled_ -= piece;
  return static_cast<int64_t>(piece);
}

int64_t BytePipe::Skip(int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  const size_t piece = std::min(filled_, static_cast<size_t>(std::max<int64_t>(bytes, 0)));
  read_at_ = (read_at_ + piece) % capacity_;
  filled_ -= piece;
  return static_cast<int64_t>(piece);
}

void BytePipe::CloseReader() {
  absl::MutexLock lock(&mutex_);
  reader_closed_ = true;
}

}  // namespace vitok
