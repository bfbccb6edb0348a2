// Samples that wait to be given in random order.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "core/image/image_source.h"

namespace vitok {

// A sample, or where one lies that has not been read again after a resumption.
struct BufferedSample {
  SampleRef ref;
  int64_t bytes = 0;  // of memory that the sample takes when it is there
  std::optional<ImageSample> sample;
};

// Not thread-safe.
class ShuffleBuffer {
 public:
  void Add(ImageSample sample) {
    const auto bytes = static_cast<int64_t>(sample.bytes.size() + sample.key.size() + sample.path.size());
    const SampleRef ref = sample.ref;
    Add(BufferedSample{ref, bytes, std::move(sample)});
  }
  void Add(BufferedSample sample) {
    bytes_ += sample.bytes;
    samples_.push_back(std::move(sample));
  }

  // Takes out the sample at `index`; the last one gets its place. REQUIRES: index < size().
  BufferedSample Take(size_t index) {
    std::swap(samples_[index], samples_.back());
    BufferedSample taken = std::move(samples_.back());
    samples_.pop_back();
    bytes_ -= taken.bytes;
    return taken;
  }

  // Of a sample that was not there. REQUIRES: index < size().
  void Fill(size_t index, ImageSample sample) { samples_[index].sample = std::move(sample); }

  void Clear() { *this = ShuffleBuffer(); }

  int64_t size() const { return static_cast<int64_t>(samples_.size()); }
  int64_t bytes() const { return bytes_; }
  const std::vector<BufferedSample>& samples() const { return samples_; }

 private:
  std::vector<BufferedSample> samples_;
  int64_t bytes_ = 0;
};

}  // namespace vitok
