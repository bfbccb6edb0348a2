#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/weights/safetensors.h"
#include "core/weights/safetensors_header.h"

namespace vitok {
namespace {

// Everything before the data: the length field and the header, padded with blanks so that the data is aligned.
absl::StatusOr<std::string> Prefix(const std::map<std::string, TensorView>& tensors,
                                   const std::map<std::string, std::string>& metadata) {
  for (const auto& [name, view] : tensors) {
    const absl::StatusOr<int64_t> bytes = TensorBytes(view.dtype, view.shape);
    if (!bytes.ok()) {
      return absl::InvalidArgumentError(StrCat("tensor ", QuotedName(name), ": ", bytes.status().message()));
    }
    if (static_cast<size_t>(*bytes) != view.bytes.size()) {
      return absl::InvalidArgumentError(StrCat("tensor ", QuotedName(name), ": shape [",
                                               absl::StrJoin(view.shape, ", "), "] of ", DTypeName(view.dtype),
                                               " needs ", *bytes, " bytes; was given ", view.bytes.size()));
    }
  }
  VITOK_ASSIGN_OR_RETURN(std::string header, SerializeSafetensorsHeader(tensors, metadata));
  header.resize((header.size() + 7) / 8 * 8, ' ');
  if (header.size() > SafetensorsFile::kMaxHeaderBytes) {
    return absl::InvalidArgumentError(
        StrCat("header must not exceed ", SafetensorsFile::kMaxHeaderBytes, " bytes; was ", header.size()));
  }
  const uint64_t header_bytes = header.size();
  std::string prefix(sizeof(header_bytes), '\0');
  std::memcpy(prefix.data(), &header_bytes, sizeof(header_bytes));
  return prefix + header;
}

bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

// Fills a new file and makes it durable. False with errno set if that fails.
bool WriteFile(int fd, std::string_view prefix, const std::map<std::string, TensorView>& tensors) {
  if (!WriteAll(fd, prefix)) return false;
  for (const auto& [name, view] : tensors) {
    if (!WriteAll(fd, view.bytes)) return false;
  }
  return fsync(fd) == 0;
}

std::string TemporaryName(const std::string& path) {
  static std::atomic<uint64_t> counter = 0;
  return StrCat(path, ".tmp-", getpid(), "-", counter.fetch_add(1));
}

absl::Status WriteError(const std::string& path, int error_number) {
  return absl::InternalError(StrCat(path, ": cannot write: ", std::strerror(error_number)));
}

}  // namespace

absl::StatusOr<std::string> SerializeSafetensors(const std::map<std::string, TensorView>& tensors,
                                                 const std::map<std::string, std::string>& metadata) {
  VITOK_ASSIGN_OR_RETURN(std::string file, Prefix(tensors, metadata));
  for (const auto& [name, view] : tensors) file.append(view.bytes);
  return file;
}

absl::Status WriteSafetensors(const std::string& path, const std::map<std::string, TensorView>& tensors,
                              const std::map<std::string, std::string>& metadata) {
  VITOK_ASSIGN_OR_RETURN(const std::string prefix, Prefix(tensors, metadata));
  const std::string temporary = TemporaryName(path);
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) return WriteError(path, errno);
  int error = WriteFile(fd, prefix, tensors) ? 0 : errno;
  if (close(fd) != 0 && error == 0) error = errno;
  if (error == 0 && std::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error == 0) return absl::OkStatus();
  unlink(temporary.c_str());
  return WriteError(path, error);
}

}  // namespace vitok
