// What the sources count, and what they refuse.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "core/base/monotonic_clock.h"
#include "core/image/image_source.h"

namespace vitok {

// Not thread-safe.
class SourceRecorder {
 public:
  // Time spent in Next, for as long as it lives.
  class Timer {
   public:
    explicit Timer(SourceRecorder& recorder) : recorder_(recorder) {}
    ~Timer() { recorder_.stats_.seconds += absl::ToDoubleSeconds(MonotonicNow() - start_); }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

   private:
    SourceRecorder& recorder_;
    const absl::Time start_ = MonotonicNow();
  };

  explicit SourceRecorder(int64_t min_side_px) : min_side_px_(min_side_px) {}

  // Reads the header of a sample that has its bytes. False, and counted, if the sample is not to be given.
  bool Admit(ImageSample& sample);
  void CountBroken(std::string path, std::string_view reason);
  void CountWithoutPicture(std::string path, std::string_view reason);

  void CountGiven(const ImageSample& sample);

  // An epoch has ended. NothingToGive if not one sample was given in it nor in the one before.
  absl::Status EndEpoch(std::string_view what);
  // FAILED_PRECONDITION with what was counted; `what` names the source.
  absl::Status NothingToGive(std::string_view what) const;
  // After a position was taken up: what was given before is not known.
  void ForgetEpochs();

  const SourceStats& stats() const { return stats_; }

 private:
  void List(std::string path, std::string_view reason);

  const int64_t min_side_px_;
  SourceStats stats_;
  int64_t empty_epochs_ = 0;
  bool gave_in_epoch_ = false;
};

}  // namespace vitok
