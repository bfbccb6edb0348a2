#include "server/security/swappable_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/time/clock.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

constexpr int64_t kFirstModified_s = 1;  // gRPC takes 0 for an error

absl::Status SystemError(std::string_view what) {
  return absl::InternalError(StrCat("cannot ", what, " a file in memory: ", std::strerror(errno)));
}

}  // namespace

SwappableFile::SwappableFile(int fd) : fd_(fd), path_(StrCat("/proc/self/fd/", fd)), modified_s_(kFirstModified_s) {}

SwappableFile::~SwappableFile() { close(fd_); }

absl::StatusOr<int> SwappableFile::Write(std::string_view contents, int64_t modified_s) {
  const int fd = memfd_create("vitok", MFD_CLOEXEC);
  if (fd < 0) return SystemError("make");
  for (size_t done = 0; done < contents.size();) {
    const ssize_t count = write(fd, contents.data() + done, contents.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const absl::Status status = SystemError("write");
      close(fd);
      return status;
    }
    done += static_cast<size_t>(count);
  }
  const timespec times[2] = {{modified_s, 0}, {modified_s, 0}};
  futimens(fd, times);
  return fd;
}

absl::StatusOr<std::unique_ptr<SwappableFile>> SwappableFile::Create(std::string_view contents) {
  VITOK_ASSIGN_OR_RETURN(const int fd, Write(contents, kFirstModified_s));
  return std::unique_ptr<SwappableFile>(new SwappableFile(fd));
}

absl::Status SwappableFile::Replace(std::string_view contents) {
  VITOK_ASSIGN_OR_RETURN(const int fd, Write(contents, modified_s_ + 1));
  ++modified_s_;
  // The number now stands for the new file, in one step; the old one is gone once its last reader has closed it.
  const bool swapped = dup3(fd, fd_, O_CLOEXEC) == fd_;
  const absl::Status status = swapped ? absl::OkStatus() : SystemError("replace");
  close(fd);
  return status;
}

}  // namespace vitok
