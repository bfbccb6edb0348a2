#include "core/image/source/source_recorder.h"

#include <algorithm>
#include <utility>

#include "core/base/str_cat.h"

namespace vitok {

bool SourceRecorder::Admit(ImageSample& sample) {
  const absl::StatusOr<ImageHeader> header = ReadImageHeader(sample.bytes);
  if (!header.ok()) {
    CountBroken(sample.path, {header.status().message().data(), header.status().message().size()});
    return false;
  }
  sample.header = *header;
  if (std::min(header->width_px, header->height_px) >= min_side_px_) return true;
  ++stats_.too_small;
  return false;
}

void SourceRecorder::CountBroken(std::string path, std::string_view reason) {
  ++stats_.broken;
  List(std::move(path), reason);
}

void SourceRecorder::CountWithoutPicture(std::string path, std::string_view reason) {
  ++stats_.without_picture;
  List(std::move(path), reason);
}

void SourceRecorder::List(std::string path, std::string_view reason) {
  if (stats_.skipped.size() < kMaxListedSkips) stats_.skipped.push_back({std::move(path), std::string(reason)});
}

void SourceRecorder::CountGiven(const ImageSample& sample) {
  ++stats_.samples;
  stats_.bytes += static_cast<int64_t>(sample.bytes.size());
  gave_in_epoch_ = true;
}

absl::Status SourceRecorder::EndEpoch(std::string_view what) {
  constexpr int64_t kHopeless = 2;
  empty_epochs_ = std::exchange(gave_in_epoch_, false) ? 0 : empty_epochs_ + 1;
  return empty_epochs_ < kHopeless ? absl::OkStatus() : NothingToGive(what);
}

absl::Status SourceRecorder::NothingToGive(std::string_view what) const {
  std::string message = StrCat(what, " has nothing to give: ", stats_.broken, " broken, ", stats_.without_picture,
                               " without a picture, ", stats_.too_small, " with a side below ", min_side_px_, " px");
  if (!stats_.skipped.empty()) {
    message += StrCat("; first '", stats_.skipped[0].path, "': ", stats_.skipped[0].reason);
  }
  return absl::FailedPreconditionError(message);
}

void SourceRecorder::ForgetEpochs() {
  empty_epochs_ = 0;
  gave_in_epoch_ = true;
}

}  // namespace vitok
