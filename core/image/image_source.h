// Pictures for training and evaluation behind one iterator, whatever they lie in: a folder, the tar shards of a
// WebDataset, parquet files, a mix of several. Gives files, not pixels (core/image/decoded_source.h decodes them). Free
// of torch. Users' view: docs/DATA.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/byte_stream.h"
#include "core/image/codec.h"
#include "core/image/source/sample_rules.h"

namespace vitok {

// Where a sample lies, for ImageSource::Fetch; of meaning to its own source only.
struct SampleRef {
  int64_t part = 0;    // of a mix
  int64_t file = 0;    // picture of a folder, shard
  int64_t offset = 0;  // byte in a tar shard, row of a parquet file

  friend bool operator==(const SampleRef&, const SampleRef&) = default;
};

struct ImageSample {
  std::string bytes;         // the picture file
  ImageHeader header;        // what it says of itself
  std::string key;           // its name in the data set, without suffix
  int64_t label = kNoLabel;  // class
  std::string path;          // where it comes from, for people: "shards/0003.tar/n01440764_18.jpg"
  SampleRef ref;
};

// A sample that was not given.
struct SkippedSample {
  std::string path, reason;
};

// Since the source was opened.
struct SourceStats {
  int64_t samples = 0;                 // given
  int64_t bytes = 0;                   // of their files
  int64_t broken = 0;                  // not given: cannot be read, no picture, no header, a label that is no number
  int64_t without_picture = 0;         // not given: samples of a shard that lack one
  int64_t too_small = 0;               // not given: shorter side below min_side_px
  double seconds = 0;                  // spent in Next
  std::vector<SkippedSample> skipped;  // the first kMaxListedSkips of `broken` and `without_picture`
};

inline constexpr size_t kMaxListedSkips = 100;

// An endless sequence of epochs, or, if it is drawn with replacement or mixed by weights, of samples. Used by one
// thread at a time.
//
//   VITOK_ASSIGN_OR_RETURN(std::unique_ptr<ImageSource> source, OpenImageSource("shards/{000..127}.tar", options));
//   while (true) {
//     VITOK_ASSIGN_OR_RETURN(std::optional<ImageSample> sample, source->Next());
//     if (!sample.has_value()) break;  // the end of an epoch
//     Use(*std::move(sample));
//   }
class ImageSource {
 public:
  virtual ~ImageSource() = default;

  // The next sample; nullopt is the end of an epoch, after which the next call begins the next one. Samples that cannot
  // be used are passed over, see SourceStats. Errors: NOT_FOUND, a shard that is gone; DATA_LOSS, one that is damaged
  // or cut off; others that reading gives. They name the shard; what is left of it is given up, so that a caller who
  // calls again goes on with the next one. FAILED_PRECONDITION: there was nothing to give for so long that there will
  // never be: two epochs, or as many draws as would have found every shard.
  virtual absl::StatusOr<std::optional<ImageSample>> Next() = 0;

  // The sample that Next gave with this `ref`, whatever was given since. Moves nothing and counts nothing.
  virtual absl::StatusOr<ImageSample> Fetch(const SampleRef& ref) = 0;

  // Where the source is. A source that is opened alike and told to Resume there gives what this one would give from
  // here on, sample for sample. Holds references to the samples of the shuffle buffer, not their bytes.
  virtual nlohmann::json Position() const = 0;

  // INVALID_ARGUMENT: not a position; FAILED_PRECONDITION: that of a source with other data, seed, share or mode
  // (naming both values). The source is as it was then.
  virtual absl::Status Resume(const nlohmann::json& position) = 0;

  virtual SourceStats Stats() const = 0;
};

struct ImageSourceOptions {
  uint64_t seed = 0;

  // Otherwise files and shards come in the order of their names.
  bool shuffle = true;
  // Shuffle a folder anew for every epoch. The reference does not; shards are always shuffled anew.
  bool reshuffle = false;
  // Of shards, between a sample's being read and given: bounds of the shuffle buffer, in samples and in bytes. 1
  // sample: samples come as they lie in their shards.
  int64_t shuffle_samples = 10'000;
  int64_t shuffle_bytes = int64_t{1} << 30;
  // Samples in the buffer before the first one is given.
  int64_t shuffle_initial = 100;
  // Draw shards with replacement, without end, each rank and worker its own; otherwise every sample comes once an
  // epoch.
  bool resampled = false;

  // Samples whose shorter side is below are passed over, by their header. 0: none.
  int64_t min_side_px = 0;
  // Larger files and members are not read.
  int64_t max_file_bytes = int64_t{256} << 20;

  // The share of this caller: of each epoch, every sample goes to exactly one rank and worker. With as many shards as
  // shares or more, a shard goes to one share as a whole; with fewer all read all shards and take turns.
  int64_t rank = 0, num_ranks = 1;
  int64_t worker = 0, num_workers = 1;

  // Openers of shards behind URLs, by scheme: of tar archives, and of parquet files. Paths need none.
  StreamOpeners openers;
  FileOpeners file_openers;

  // Of parquet files: the column with the pictures, which are bytes, or structs of `bytes` and `path`.
  std::string picture_column = "image";
  // The library that reads them, libvitok_parquet.so. Empty: ../lib/libvitok_parquet.so from the program's folder.
  std::string parquet_plugin;
};

// Opens what `name` names (docs/DATA.md): a folder of pictures, shards by path, wildcard, folder or braces, several of
// them separated by commas, with weights ("a=0.3,b=0.7") or without. INVALID_ARGUMENT: name or options, naming value
// and bound. NOT_FOUND: a path that is not there, or a folder with nothing in it.
// UNIMPLEMENTED: parquet files, whose plug-in is not there (naming its file).
absl::StatusOr<std::unique_ptr<ImageSource>> OpenImageSource(const std::string& name,
                                                             const ImageSourceOptions& options);

}  // namespace vitok
