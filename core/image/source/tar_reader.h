// The regular files of a tar archive, one after the other. The only user of libarchive, which reads what tar programs
// write: ustar, pax and GNU headers with long names, sparse files. Archives are untrusted: nothing is ever written,
// names are just names, and memory is taken as data arrives.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "core/base/byte_stream.h"

struct archive;

namespace vitok {

struct TarMember {
  std::string name;
  int64_t offset = 0;  // of its first header in the archive: where a reader can start
  int64_t size_bytes = 0;
};

//   VITOK_ASSIGN_OR_RETURN(std::unique_ptr<TarReader> tar, TarReader::Open(path, std::move(stream), 0));
//   while (true) {
//     VITOK_ASSIGN_OR_RETURN(const std::optional<TarMember> member, tar->Next());
//     if (!member.has_value()) break;
//     if (IsWanted(*member)) VITOK_ASSIGN_OR_RETURN(std::string bytes, tar->ReadData());
//   }
//
// Used by one thread at a time. After an error every call gives an error.
class TarReader {
 public:
  // `stream` begins at the byte `offset` of the archive `name`, which is that of a member. DATA_LOSS (naming the
  // archive): not a tar archive, among them compressed ones, which cannot be entered in the middle.
  static absl::StatusOr<std::unique_ptr<TarReader>> Open(std::string name, std::unique_ptr<ByteStream> stream,
                                                         int64_t offset);
  ~TarReader();
  TarReader(const TarReader&) = delete;
  TarReader& operator=(const TarReader&) = delete;

  // The next regular file; links, folders and devices are passed over, and so is the data of the file before unless it
  // was read. nullopt: the end, which is the archive's mark or the end of the stream between two members. DATA_LOSS
  // (naming archive, byte and reason): damaged or cut off. Errors of the stream as they are.
  absl::StatusOr<std::optional<TarMember>> Next();

  // The data of the file that Next gave last. REQUIRES: called once a file. Errors as Next; a caller who does not want
  // files of any size looks at size_bytes first.
  absl::StatusOr<std::string> ReadData();

 private:
  struct Input;
  TarReader(std::string name, std::unique_ptr<Input> input, int64_t offset);
  absl::Status Damaged() const;

  const std::string name_;
  const int64_t base_offset_;
  const std::unique_ptr<Input> input_;
  archive* const archive_;
  int64_t size_bytes_ = 0;  // of the file that Next gave
};

}  // namespace vitok
