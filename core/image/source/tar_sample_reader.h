// Samples of a WebDataset shard: members in a row with the same key.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/image/source/shard_reader.h"
#include "core/image/source/tar_reader.h"

namespace vitok {

// Used by one thread at a time; of no use after an error.
class TarSampleReader : public ShardReader {
 public:
  // Members of more than `max_member_bytes` are passed over; a picture of that size is its sample's problem.
  TarSampleReader(std::unique_ptr<TarReader> tar, int64_t max_member_bytes);

  // A member whose suffix the sample already has begins a new sample: the same name twice in a row is two samples.
  // Offsets are bytes in the archive. Errors: those of TarReader.
  absl::StatusOr<std::optional<ShardSample>> Next(bool wanted) override;
  std::optional<int64_t> NextOffset() const override;

 private:
  struct NamedMember {
    TarMember member;
    std::string key, suffix;
  };
  absl::Status ReadAhead();
  absl::Status TakeMember(ShardSample& sample, std::optional<int>& picture_rank);

  const std::unique_ptr<TarReader> tar_;
  const int64_t max_member_bytes_;
  bool started_ = false;
  std::optional<NamedMember> ahead_;  // the first member of the next sample
};

}  // namespace vitok
