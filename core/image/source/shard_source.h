// The samples of shards: files that hold many, WebDataset tar archives or parquet files.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/random_stream.h"
#include "core/image/image_source.h"
#include "core/image/source/shard_reader.h"
#include "core/image/source/share.h"
#include "core/image/source/shuffle_buffer.h"
#include "core/image/source/source_recorder.h"

namespace vitok {

// Shards are read one after the other, in the order of ShuffleShards with the seed + epoch, or drawn with replacement.
// What is read goes through a shuffle buffer, which holds shuffle_initial samples at first, grows by one with each
// sample that is given, and is emptied at the end of an epoch.
class ShardSource : public ImageSource {
 public:
  // `shards_per_part`: how many each part of the source's name stands for. REQUIRES: shards; options that
  // OpenImageSource accepts.
  ShardSource(std::vector<std::string> shards, std::vector<int64_t> shards_per_part, ShardOpener opener,
              const ImageSourceOptions& options);

  absl::StatusOr<std::optional<ImageSample>> Next() override;
  absl::StatusOr<ImageSample> Fetch(const SampleRef& ref) override;
  nlohmann::json Position() const override;
  absl::Status Resume(const nlohmann::json& position) override;
  SourceStats Stats() const override { return recorder_.stats(); }

 private:
  // Where reading, not giving, has come to.
  struct Cursor {
    int64_t epoch = 0;
    int64_t turn = 0;    // shards begun or drawn before this one
    int64_t offset = 0;  // in the shard, of the next sample
    int64_t sample = 0;  // of those of the epoch that were read, the others' included
  };

  void BeginEpoch(int64_t epoch);
  bool AtEnd() const;
  int64_t ShardOfTurn() const;
  absl::Status FillBuffer();
  absl::StatusOr<std::optional<ImageSample>> ReadSample();
  absl::StatusOr<std::optional<ShardSample>> ReadShardSample();
  absl::StatusOr<ImageSample> FetchFrom(ShardReader& reader, const SampleRef& ref) const;
  void ReadBufferAgain(int64_t shard);
  ImageSample ToImageSample(ShardSample sample, int64_t shard) const;
  std::string Description() const;
  nlohmann::json Identity() const;

  const ImageSourceOptions options_;
  const Share share_;
  const std::vector<std::string> shards_;
  const std::vector<int64_t> shards_per_part_;
  const ShardOpener opener_;
  const bool by_sample_;  // shares take turns at samples, for want of shards
  SourceRecorder recorder_;

  Cursor cursor_;
  std::vector<int64_t> order_;           // this share's shards in this epoch; empty if drawn with replacement
  std::unique_ptr<ShardReader> reader_;  // of the cursor's shard; null before it is opened
  ShuffleBuffer buffer_;
  RandomStream picks_;  // of samples of the buffer

  int64_t barren_draws_ = 0;  // shards read since there was a sample
};

}  // namespace vitok
