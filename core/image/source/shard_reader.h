// What ShardSource reads: a file that gives samples one after the other, from a place that can be named again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/image/source/sample_rules.h"

namespace vitok {

struct ShardSample {
  std::string key;
  int64_t offset = 0;        // in the shard, where a reader can start to get this sample again
  std::string picture_name;  // within the shard, for people; empty: as the key
  std::string picture;       // its bytes
  int64_t label = kNoLabel;
  absl::Status problem;  // OK, or why the sample cannot be used; NOT_FOUND: it has no picture
};

// Used by one thread at a time; of no use after an error.
class ShardReader {
 public:
  virtual ~ShardReader() = default;

  // The next sample; nullopt at the end. Not `wanted`: only the offset needs to be filled in, and what can be passed
  // over without being read is. Errors name the shard.
  virtual absl::StatusOr<std::optional<ShardSample>> Next(bool wanted) = 0;

  // Where the sample that Next will give begins; nullopt: there is none. REQUIRES: Next was called and gave a sample.
  virtual std::optional<int64_t> NextOffset() const = 0;
};

// Opens the shard of that name at the offset of a sample, 0 for the first. NOT_FOUND names what is not there;
// DATA_LOSS, what is damaged.
using ShardOpener =
    std::function<absl::StatusOr<std::unique_ptr<ShardReader>>(const std::string& name, int64_t offset)>;

}  // namespace vitok
