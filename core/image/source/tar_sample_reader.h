// Samples of a WebDataset shard: members in a row with the same key.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/image/source/sample_rules.h"
#include "core/image/source/tar_reader.h"

namespace vitok {

struct TarSample {
  std::string key;
  int64_t offset = 0;               // in the archive, where a reader can start to get this sample again
  std::optional<int> picture_rank;  // of the picture that was taken (PictureRank); nullopt: the sample has none
  std::string picture_name;         // its member's name
  std::string picture;              // its bytes
  int64_t label = kNoLabel;         // of .cls, or else of .cls.txt
  absl::Status problem;             // OK, or why this sample cannot be used although it has a picture
};

// Used by one thread at a time; of no use after an error.
class TarSampleReader {
 public:
  // Members of more than `max_member_bytes` are passed over; a picture of that size is its sample's problem.
  TarSampleReader(std::unique_ptr<TarReader> tar, int64_t max_member_bytes);

  // The next sample; nullopt at the end. A member whose suffix the sample already has begins a new sample: the same
  // name twice in a row is two samples. Not `wanted`: only key and offset are filled in, and no data is read. Errors:
  // those of TarReader.
  absl::StatusOr<std::optional<TarSample>> Next(bool wanted);

  // Where the sample that Next will give begins; nullopt: there is none. REQUIRES: Next was called and gave a sample.
  std::optional<int64_t> NextOffset() const;

 private:
  struct NamedMember {
    TarMember member;
    std::string key, suffix;
  };
  absl::Status ReadAhead();
  absl::Status TakeMember(TarSample& sample);

  const std::unique_ptr<TarReader> tar_;
  const int64_t max_member_bytes_;
  bool started_ = false;
  std::optional<NamedMember> ahead_;  // the first member of the next sample
};

}  // namespace vitok
