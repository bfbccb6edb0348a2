// A file that is written beside its place and put there when it is whole.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/base/sha256.h"

namespace vitok {

// Under a name that nobody else writes to; deleted on destruction unless committed. For one thread.
class IncompleteFile {
 public:
  // "<path>.<8 hex digits>.incomplete". RESOURCE_EXHAUSTED: the disk is full; else the system's error.
  static absl::StatusOr<std::unique_ptr<IncompleteFile>> Create(const std::string& path);
  ~IncompleteFile();
  IncompleteFile(const IncompleteFile&) = delete;
  IncompleteFile& operator=(const IncompleteFile&) = delete;

  // Errors as above.
  absl::Status Append(std::string_view bytes);
  absl::Status Clear();

  int64_t bytes() const { return bytes_; }

  // Of all bytes; REQUIRES: called once, and nothing is appended afterwards.
  std::string Sha256() { return digest_.Finish(); }

  // Writes all of it to the disk and renames it to `path`, whatever stood there.
  absl::Status Commit();

 private:
  IncompleteFile(std::string path, std::string temporary, int fd);

  const std::string path_;
  const std::string temporary_;
  const int fd_;
  int64_t bytes_ = 0;
  vitok::Sha256 digest_;
  bool is_committed_ = false;
};

}  // namespace vitok
