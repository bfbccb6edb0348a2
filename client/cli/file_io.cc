#include "client/cli/file_io.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include "core/base/str_cat.h"

namespace vitok {
namespace {

struct CloseFile {
  void operator()(FILE* file) const { std::fclose(file); }
};
using FilePtr = std::unique_ptr<FILE, CloseFile>;

std::string ErrnoText() { return std::generic_category().message(errno); }

absl::Status OpenError(const std::string& path) {
  const std::string message = StrCat("cannot open ", path, ": ", ErrnoText());
  switch (errno) {
    case ENOENT:
    case ENOTDIR: return absl::NotFoundError(message);
    case EACCES: return absl::PermissionDeniedError(message);
    default: return absl::InternalError(message);
  }
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const FilePtr file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) return OpenError(path);
  struct stat info;
  if (fstat(fileno(file.get()), &info) != 0) return OpenError(path);
  if (S_ISDIR(info.st_mode)) return absl::InvalidArgumentError(StrCat(path, " is a folder, not a file"));
  std::string bytes;
  bytes.reserve(info.st_size);
  char buffer[1 << 16];
  while (const size_t count = std::fread(buffer, 1, sizeof(buffer), file.get())) bytes.append(buffer, count);
  if (std::ferror(file.get())) return absl::InternalError(StrCat("cannot read ", path, ": ", ErrnoText()));
  return bytes;
}

absl::Status WriteFile(const std::string& path, std::string_view bytes) {
  const std::string temporary = StrCat(path, ".", getpid(), ".part");
  FilePtr file(std::fopen(temporary.c_str(), "wb"));
  if (file == nullptr) return absl::InternalError(StrCat("cannot write ", path, ": ", ErrnoText()));
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size();
  if (std::fclose(file.release()) != 0 || !written || std::rename(temporary.c_str(), path.c_str()) != 0) {
    const absl::Status status = absl::InternalError(StrCat("cannot write ", path, ": ", ErrnoText()));
    std::remove(temporary.c_str());
    return status;
  }
  return absl::OkStatus();
}

absl::Status MakeParentFolder(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (!error) return absl::OkStatus();
  return absl::InternalError(StrCat("cannot make the folder ", parent.string(), ": ", error.message()));
}

}  // namespace vitok
