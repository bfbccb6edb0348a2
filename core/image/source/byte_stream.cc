#include "core/image/source/byte_stream.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/image/source/source_names.h"

namespace vitok {
namespace {

class FileStream : public ByteStream {
 public:
  FileStream(std::string path, int fd, int64_t offset, int64_t size_bytes)
      : path_(std::move(path)), fd_(fd), offset_(offset), size_bytes_(size_bytes) {}
  ~FileStream() override { close(fd_); }
  FileStream(const FileStream&) = delete;
  FileStream& operator=(const FileStream&) = delete;

  absl::StatusOr<int64_t> Read(absl::Span<char> out) override {
    ssize_t bytes = 0;
    do {
      bytes = pread(fd_, out.data(), out.size(), offset_);
    } while (bytes < 0 && errno == EINTR);
    if (bytes < 0) return absl::InternalError(StrCat("cannot read '", path_, "': ", std::strerror(errno)));
    offset_ += bytes;
    return bytes;
  }

  absl::StatusOr<int64_t> Skip(int64_t bytes) override {
    const int64_t skipped = std::clamp<int64_t>(size_bytes_ - offset_, 0, bytes);
    offset_ += skipped;
    return skipped;
  }

  int64_t size_bytes() const { return size_bytes_; }

 private:
  const std::string path_;
  const int fd_;
  int64_t offset_;
  const int64_t size_bytes_;
};

absl::StatusOr<std::unique_ptr<FileStream>> OpenFile(const std::string& path, int64_t offset) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const std::string message = StrCat("cannot open '", path, "': ", std::strerror(errno));
    return errno == ENOENT || errno == ENOTDIR ? absl::NotFoundError(message) : absl::InternalError(message);
  }
  struct stat file = {};
  if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) {
    close(fd);
    return absl::InvalidArgumentError(StrCat("'", path, "' is no regular file"));
  }
  posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  return std::make_unique<FileStream>(path, fd, offset, file.st_size);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ByteStream>> OpenFileStream(const std::string& path, int64_t offset) {
  return OpenFile(path, offset);
}

absl::StatusOr<std::unique_ptr<ByteStream>> OpenStream(const StreamOpeners& openers, const std::string& name,
                                                       int64_t offset) {
  const std::string scheme = SchemeOf(name);
  if (scheme.empty()) return OpenFileStream(name, offset);
  const auto opener = openers.find(scheme);
  if (opener == openers.end()) {
    return absl::UnimplementedError(StrCat("nothing reads ", scheme, ":// here; was asked for '", name, "'"));
  }
  return opener->second(name, offset);
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path, int64_t max_bytes) {
  VITOK_ASSIGN_OR_RETURN(const std::unique_ptr<FileStream> file, OpenFile(path, 0));
  if (file->size_bytes() > max_bytes) {
    return absl::ResourceExhaustedError(
        StrCat("'", path, "' has ", file->size_bytes(), " bytes; at most ", max_bytes, " are read"));
  }
  std::string bytes(file->size_bytes(), '\0');
  size_t filled = 0;
  while (filled < bytes.size()) {
    VITOK_ASSIGN_OR_RETURN(const int64_t read, file->Read(absl::MakeSpan(bytes).subspan(filled)));
    if (read == 0) break;
    filled += read;
  }
  bytes.resize(filled);
  return bytes;
}

}  // namespace vitok
