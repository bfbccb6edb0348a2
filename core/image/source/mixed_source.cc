#include "core/image/source/mixed_source.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/image/source/position_fields.h"
#include "core/image/source/share.h"

namespace vitok {
namespace {

// Apart from the streams of ShardSource.
uint64_t MixStream(Share share) { return (uint64_t{1} << 63) + static_cast<uint64_t>(share.index); }

}  // namespace

MixedSource::MixedSource(std::vector<Part> parts, const ImageSourceOptions& options)
    : parts_(std::move(parts)), draws_(options.seed, MixStream(ShareOf(options))) {
  for (const Part& part : parts_) total_weight_ += part.weight;
}

size_t MixedSource::DrawPart() {
  double rest = draws_.NextUniform() * total_weight_;
  for (size_t i = 0; i + 1 < parts_.size(); ++i) {
    if (rest < parts_[i].weight) return i;
    rest -= parts_[i].weight;
  }
  return parts_.size() - 1;
}

absl::StatusOr<std::optional<ImageSample>> MixedSource::Next() {
  const size_t part = DrawPart();
  std::optional<ImageSample> sample;
  // A part without samples says so with an error after its second epoch.
  while (!sample.has_value()) {
    VITOK_ASSIGN_OR_RETURN(sample, parts_[part].source->Next());
  }
  sample->ref.part = static_cast<int64_t>(part);
  return sample;
}

absl::StatusOr<ImageSample> MixedSource::Fetch(const SampleRef& ref) {
  if (ref.part < 0 || ref.part >= static_cast<int64_t>(parts_.size())) {
    return absl::InvalidArgumentError(StrCat("part ", ref.part, " of ", parts_.size(), " does not exist"));
  }
  VITOK_ASSIGN_OR_RETURN(ImageSample sample, parts_[ref.part].source->Fetch(ref));
  sample.ref.part = ref.part;
  return sample;
}

nlohmann::json MixedSource::Identity() const {
  std::vector<double> weights;
  for (const Part& part : parts_) weights.push_back(part.weight);
  return {{"kind", "mix"}, {"version", 2}, {"weights", weights}};  // version 1 drew from another generator
}

nlohmann::json MixedSource::Position() const {
  nlohmann::json position = Identity();
  position["draws"] = draws_.count();
  for (const Part& part : parts_) position["parts"].push_back(part.source->Position());
  return position;
}

absl::Status MixedSource::Resume(const nlohmann::json& position) {
  VITOK_RETURN_IF_ERROR(CheckIdentity(position, Identity()));
  VITOK_ASSIGN_OR_RETURN(const int64_t draws, CountField(position, "draws", INT64_MAX - 1));
  const auto parts = position.find("parts");
  if (parts == position.end() || !parts->is_array() || parts->size() != parts_.size()) {
    return absl::InvalidArgumentError(StrCat("position: 'parts' must be a list of ", parts_.size()));
  }
  const nlohmann::json before = Position();
  for (size_t i = 0; i < parts_.size(); ++i) {
    const absl::Status status = parts_[i].source->Resume((*parts)[i]);
    if (status.ok()) continue;
    for (size_t j = 0; j < i; ++j) VITOK_RETURN_IF_ERROR(parts_[j].source->Resume(before["parts"][j]));
    return status;
  }
  draws_.set_count(draws);
  return absl::OkStatus();
}

SourceStats MixedSource::Stats() const {
  SourceStats sum;
  for (const Part& part : parts_) {
    const SourceStats stats = part.source->Stats();
    sum.samples += stats.samples;
    sum.bytes += stats.bytes;
    sum.broken += stats.broken;
    sum.without_picture += stats.without_picture;
    sum.too_small += stats.too_small;
    sum.seconds += stats.seconds;
    const size_t room = kMaxListedSkips - sum.skipped.size();
    sum.skipped.insert(sum.skipped.end(), stats.skipped.begin(),
                       stats.skipped.begin() + static_cast<int64_t>(std::min(room, stats.skipped.size())));
  }
  return sum;
}

}  // namespace vitok
