#include "core/base/byte_stream.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/ascii.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

class LocalFile : public RandomAccessFile {
 public:
  LocalFile(std::string path, int fd, int64_t size_bytes) : path_(std::move(path)), fd_(fd), size_bytes_(size_bytes) {}
  ~LocalFile() override { close(fd_); }
  LocalFile(const LocalFile&) = delete;
  LocalFile& operator=(const LocalFile&) = delete;

  int64_t size_bytes() const override { return size_bytes_; }

  absl::StatusOr<int64_t> ReadAt(int64_t offset, absl::Span<char> out) override {
    ssize_t bytes = 0;
    do {
      bytes = pread(fd_, out.data(), out.size(), offset);
    } while (bytes < 0 && errno == EINTR);
    if (bytes < 0) return absl::InternalError(StrCat("cannot read '", path_, "': ", std::strerror(errno)));
    return bytes;
  }

  void ExpectSequentialReads() { posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL); }

 private:
  const std::string path_;
  const int fd_;
  const int64_t size_bytes_;
};

class FileStream : public ByteStream {
 public:
  FileStream(std::unique_ptr<LocalFile> file, int64_t offset) : file_(std::move(file)), offset_(offset) {}

  absl::StatusOr<int64_t> Read(absl::Span<char> out) override {
    VITOK_ASSIGN_OR_RETURN(const int64_t bytes, file_->ReadAt(offset_, out));
    offset_ += bytes;
    return bytes;
  }

  absl::StatusOr<int64_t> Skip(int64_t bytes) override {
    const int64_t skipped = std::clamp<int64_t>(file_->size_bytes() - offset_, 0, bytes);
    offset_ += skipped;
    return skipped;
  }

 private:
  const std::unique_ptr<LocalFile> file_;
  int64_t offset_;
};

absl::StatusOr<std::unique_ptr<LocalFile>> OpenLocalFile(const std::string& path) {
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
  return std::make_unique<LocalFile>(path, fd, file.st_size);
}

absl::Status NothingReads(const std::string& scheme, const std::string& name) {
  return absl::UnimplementedError(StrCat("nothing reads ", scheme, ":// here; was asked for '", name, "'"));
}

}  // namespace

std::string SchemeOf(std::string_view name) {
  const size_t colon = name.find("://");
  if (colon == std::string_view::npos) return "";
  const std::string scheme = absl::AsciiStrToLower(ToAbsl(name.substr(0, colon)));
  const bool is_scheme =
      std::ranges::all_of(scheme, [](char c) { return absl::ascii_isalnum(c) || c == '+' || c == '-' || c == '.'; });
  return is_scheme ? scheme : "";
}

absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenRandomAccessFile(const std::string& path) {
  return OpenLocalFile(path);
}

absl::StatusOr<std::unique_ptr<ByteStream>> OpenFileStream(const std::string& path, int64_t offset) {
  VITOK_ASSIGN_OR_RETURN(std::unique_ptr<LocalFile> file, OpenLocalFile(path));
  file->ExpectSequentialReads();
  return std::make_unique<FileStream>(std::move(file), offset);
}

absl::StatusOr<std::unique_ptr<ByteStream>> OpenStream(const StreamOpeners& openers, const std::string& name,
                                                       int64_t offset) {
  const std::string scheme = SchemeOf(name);
  if (scheme.empty()) return OpenFileStream(name, offset);
  const auto opener = openers.find(scheme);
  if (opener == openers.end()) return NothingReads(scheme, name);
  return opener->second(name, offset);
}

absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenRandomAccessFile(const FileOpeners& openers,
                                                                       const std::string& name) {
  const std::string scheme = SchemeOf(name);
  if (scheme.empty()) return OpenRandomAccessFile(name);
  const auto opener = openers.find(scheme);
  if (opener == openers.end()) return NothingReads(scheme, name);
  return opener->second(name);
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path, int64_t max_bytes) {
  VITOK_ASSIGN_OR_RETURN(const std::unique_ptr<LocalFile> file, OpenLocalFile(path));
  if (file->size_bytes() > max_bytes) {
    return absl::ResourceExhaustedError(
        StrCat("'", path, "' has ", file->size_bytes(), " bytes; at most ", max_bytes, " are read"));
  }
  std::string bytes(file->size_bytes(), '\0');
  size_t filled = 0;
  while (filled < bytes.size()) {
    VITOK_ASSIGN_OR_RETURN(const int64_t read,
                           file->ReadAt(static_cast<int64_t>(filled), absl::MakeSpan(bytes).subspan(filled)));
    if (read == 0) break;
    filled += read;
  }
  bytes.resize(filled);
  return bytes;
}

}  // namespace vitok
