// Pictures of a source, decoded ahead on a thread pool. Free of torch.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <nlohmann/json_fwd.hpp>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/base/thread_pool.h"
#include "core/image/codec.h"
#include "core/image/image_source.h"
#include "core/image/rgb_image.h"

namespace vitok {

struct DecodedSample {
  RgbImage image;
  std::string key;
  int64_t label = kNoLabel;
  std::string path;
};

struct DecodedSourceOptions {
  // Samples come in the order of their source; otherwise as they are decoded, within an epoch.
  bool keep_order = true;
  // Bounds of what is read and not yet given: samples, and bytes of files and of pixels. A sample that is larger goes
  // alone.
  int64_t max_samples = 64;
  int64_t max_bytes = int64_t{512} << 20;
  DecodeLimits limits;
  AlphaRule alpha = AlphaRule::kOverWhite;
};

// A thread reads the source, jobs on the pool decode, Next gives. The end of an epoch and errors come in their place;
// the source is not read beyond them before they have been given and Next is called again. Pictures that cannot be
// decoded are passed over and counted. Used by one thread; the destructor waits for jobs that run.
//
//   ThreadPool pool("decode", AvailableCpus());
//   DecodedSource pictures(*std::move(source), &pool, {});
//   VITOK_ASSIGN_OR_RETURN(std::optional<DecodedSample> sample, pictures.Next());
class DecodedSource {
 public:
  // `pool` is not owned. REQUIRES: positive bounds.
  DecodedSource(std::unique_ptr<ImageSource> source, ThreadPool* pool, const DecodedSourceOptions& options);
  ~DecodedSource();
  DecodedSource(const DecodedSource&) = delete;
  DecodedSource& operator=(const DecodedSource&) = delete;

  // As ImageSource::Next. Waits for the picture.
  absl::StatusOr<std::optional<DecodedSample>> Next();

  // As ImageSource: samples that were read ahead and not given come again after a resumption.
  nlohmann::json Position();
  // REQUIRES: Next was not called yet. A sample that cannot be read again is an error of Next, in its place.
  absl::Status Resume(const nlohmann::json& position);

  // Of what Next gave: samples, bytes of their files; pictures that could not be decoded count as broken. `seconds` is
  // the time spent reading the source.
  SourceStats Stats();

 private:
  // What the reader has read: a sample with its picture once that is decoded, the end of an epoch, or an error.
  struct Item {
    SampleRef ref;
    int64_t bytes = 0;  // against max_bytes
    int64_t file_bytes = 0;
    bool is_sample = false;  // otherwise `result` ends the epoch (OK) or is an error
    bool done = false;
    DecodedSample sample;
    absl::Status result;
  };

  void ReadSource();
  bool ReadOne() ABSL_LOCKS_EXCLUDED(mutex_, source_mutex_);
  absl::StatusOr<std::optional<ImageSample>> ReadNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(source_mutex_);
  void Push(absl::StatusOr<std::optional<ImageSample>> read) ABSL_EXCLUSIVE_LOCKS_REQUIRED(source_mutex_);
  void Decode(Item* item, std::string bytes);
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Item* FindReady() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::unique_ptr<Item> Take(const Item* item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  ThreadPool* const pool_;
  const DecodedSourceOptions options_;

  // Held while a sample is on its way from the source to items_. Before mutex_.
  absl::Mutex source_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  const std::unique_ptr<ImageSource> source_ ABSL_PT_GUARDED_BY(source_mutex_);
  std::deque<Item> resumed_ ABSL_GUARDED_BY(source_mutex_);  // of a position, to be read before the source goes on

  absl::Mutex mutex_;
  std::deque<std::unique_ptr<Item>> items_ ABSL_GUARDED_BY(mutex_);
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t decoding_ ABSL_GUARDED_BY(mutex_) = 0;  // jobs on the pool
  bool paused_ ABSL_GUARDED_BY(mutex_) = false;   // at the end of an epoch or an error
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  SourceStats given_ ABSL_GUARDED_BY(mutex_);
  std::thread reader_;  // started by the first Next
};

}  // namespace vitok
