// A file in memory that others read by its path, and whose contents change all at once.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace vitok {

// For a library that takes paths and reads them again and again, while the bytes must be checked before it sees them
// and should not be written to a disk.
//
//   VITOK_ASSIGN_OR_RETURN(std::unique_ptr<SwappableFile> file, SwappableFile::Create(pem));
//   Library library(file->path());
//   file->Replace(newer_pem);  // whoever opens the path sees the old or the new contents, never a mixture
//
// The path is of this process only ("/proc/self/fd/17") and good as long as the object. Not thread-safe; readers may be
// anywhere.
class SwappableFile {
 public:
  // INTERNAL: what the system says.
  static absl::StatusOr<std::unique_ptr<SwappableFile>> Create(std::string_view contents);
  ~SwappableFile();
  SwappableFile(const SwappableFile&) = delete;
  SwappableFile& operator=(const SwappableFile&) = delete;

  const std::string& path() const { return path_; }

  // Modification times of successive contents are seconds apart, however fast they follow each other, for readers that
  // notice changes by them. INTERNAL: what the system says; the contents are the old ones.
  absl::Status Replace(std::string_view contents);

 private:
  explicit SwappableFile(int fd);

  static absl::StatusOr<int> Write(std::string_view contents, int64_t modified_s);

  const int fd_;
  const std::string path_;
  int64_t modified_s_;
};

}  // namespace vitok
