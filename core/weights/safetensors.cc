#include "core/weights/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/weights/safetensors_header.h"

namespace vitok {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are used as they lie in the file");

constexpr int64_t kLengthBytes = 8;

// The parts of a file: u64 header length, header, data.
struct Sections {
  std::string_view header;
  std::string_view data;
};

absl::StatusOr<Sections> Split(std::string_view file) {
  if (file.size() < kLengthBytes) {
    return absl::InvalidArgumentError(StrCat("file must hold at least ", kLengthBytes, " bytes; was ", file.size()));
  }
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, file.data(), kLengthBytes);
  if (header_bytes > SafetensorsFile::kMaxHeaderBytes) {
    return absl::InvalidArgumentError(StrCat("header must not exceed ", SafetensorsFile::kMaxHeaderBytes,
                                             " bytes; its length field says ", header_bytes));
  }
  const std::string_view rest = file.substr(kLengthBytes);
  if (header_bytes > rest.size()) {
    return absl::InvalidArgumentError(
        StrCat("header must fit into the ", rest.size(), " bytes after its length field, which says ", header_bytes));
  }
  return Sections{rest.substr(0, header_bytes), rest.substr(header_bytes)};
}

}  // namespace

absl::StatusOr<std::unique_ptr<SafetensorsFile>> SafetensorsFile::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, StrCat(path, ": cannot open"));
  const absl::Cleanup close_fd = [fd] { close(fd); };
  struct stat info = {};
  if (fstat(fd, &info) != 0) return absl::ErrnoToStatus(errno, StrCat(path, ": cannot stat"));
  if (!S_ISREG(info.st_mode)) return absl::InvalidArgumentError(StrCat(path, ": is not a regular file"));
  // An empty map does not exist; Parse refuses the empty file.
  if (info.st_size == 0) return Parse({}, path);

  const auto size = static_cast<size_t>(info.st_size);
  void* address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (address == MAP_FAILED) return absl::ErrnoToStatus(errno, StrCat(path, ": cannot map"));
  const std::string_view map(static_cast<const char*>(address), size);
  absl::StatusOr<std::unique_ptr<SafetensorsFile>> file = Parse(map, path);
  if (!file.ok()) {
    munmap(address, size);
    return file.status();
  }
  (*file)->map_ = map;
  return file;
}

absl::StatusOr<std::unique_ptr<SafetensorsFile>> SafetensorsFile::Parse(std::string_view bytes, std::string name) {
  const auto with_name = [&name](const absl::Status& status) {
    return absl::Status(status.code(), StrCat(name, ": ", status.message()));
  };
  const absl::StatusOr<Sections> sections = Split(bytes);
  if (!sections.ok()) return with_name(sections.status());
  absl::StatusOr<SafetensorsHeader> header = ParseSafetensorsHeader(sections->header);
  if (!header.ok()) return with_name(header.status());
  const absl::Status layout = CheckLayout(*header, static_cast<int64_t>(sections->data.size()));
  if (!layout.ok()) return with_name(layout);

  auto file = std::unique_ptr<SafetensorsFile>(new SafetensorsFile);
  for (HeaderEntry& entry : header->entries) {
    const std::string_view data = sections->data.substr(entry.begin_byte, entry.end_byte - entry.begin_byte);
    file->tensors_.emplace(std::move(entry.name), TensorView{entry.dtype, std::move(entry.shape), data});
  }
  file->metadata_ = std::move(header->metadata);
  file->path_ = std::move(name);
  return file;
}

SafetensorsFile::~SafetensorsFile() {
  if (!map_.empty()) munmap(const_cast<char*>(map_.data()), map_.size());
}

absl::StatusOr<TensorView> SafetensorsFile::Find(std::string_view name) const {
  const auto found = tensors_.find(std::string(name));
  if (found == tensors_.end()) {
    return absl::NotFoundError(StrCat(path_, ": holds no tensor ", QuotedName(name)));
  }
  return found->second;
}

}  // namespace vitok
