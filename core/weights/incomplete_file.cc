#include "core/weights/incomplete_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "core/base/str_cat.h"
#include "core/weights/hub_cache.h"

namespace vitok {
namespace {

absl::Status SystemError(int error, const std::string& path) {
  const std::string message = StrCat(path, ": ", std::strerror(error));
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) return absl::ResourceExhaustedError(message);
  return absl::ErrnoToStatus(error, path);
}

}  // namespace

absl::StatusOr<std::unique_ptr<IncompleteFile>> IncompleteFile::Create(const std::string& path) {
  while (true) {
    std::string temporary = UniquePath(path, ".incomplete");
    const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0) return std::unique_ptr<IncompleteFile>(new IncompleteFile(path, std::move(temporary), fd));
    if (errno != EEXIST) return SystemError(errno, temporary);
  }
}

IncompleteFile::IncompleteFile(std::string path, std::string temporary, int fd)
    : path_(std::move(path)), temporary_(std::move(temporary)), fd_(fd) {}

IncompleteFile::~IncompleteFile() {
  close(fd_);
  if (!is_committed_) unlink(temporary_.c_str());
}

absl::Status IncompleteFile::Append(std::string_view bytes) {
  digest_.Update(bytes);
  while (!bytes.empty()) {
    const ssize_t written = write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError(errno, temporary_);
    bytes.remove_prefix(static_cast<size_t>(written));
    bytes_ += written;
  }
  return absl::OkStatus();
}

absl::Status IncompleteFile::Clear() {
  if (bytes_ == 0) return absl::OkStatus();
  if (ftruncate(fd_, 0) != 0 || lseek(fd_, 0, SEEK_SET) < 0) return SystemError(errno, temporary_);
  bytes_ = 0;
  digest_.Reset();
  return absl::OkStatus();
}

absl::Status IncompleteFile::Commit() {
  // Or a power cut could leave the name without the bytes.
  if (fsync(fd_) != 0) return SystemError(errno, temporary_);
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) return SystemError(errno, path_);
  is_committed_ = true;
  return absl::OkStatus();
}

}  // namespace vitok
