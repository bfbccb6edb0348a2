#include "core/image/source/tar_sample_reader.h"

#include <set>
#include <utility>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

constexpr std::string_view kLabelSuffix = "cls", kLabelTextSuffix = "cls.txt";

}  // namespace

TarSampleReader::TarSampleReader(std::unique_ptr<TarReader> tar, int64_t max_member_bytes)
    : tar_(std::move(tar)), max_member_bytes_(max_member_bytes) {}

absl::StatusOr<std::optional<ShardSample>> TarSampleReader::Next(bool wanted) {
  if (!std::exchange(started_, true)) VITOK_RETURN_IF_ERROR(ReadAhead());
  if (!ahead_.has_value()) return std::nullopt;
  ShardSample sample{.key = ahead_->key, .offset = ahead_->member.offset};
  std::optional<int> picture_rank;  // of the picture that was taken
  std::set<std::string> suffixes;
  while (ahead_.has_value() && ahead_->key == sample.key && suffixes.insert(ahead_->suffix).second) {
    if (wanted) VITOK_RETURN_IF_ERROR(TakeMember(sample, picture_rank));
    VITOK_RETURN_IF_ERROR(ReadAhead());
  }
  if (!picture_rank.has_value()) {
    sample.problem = absl::NotFoundError("the sample has no picture (.jpg, .jpeg, .png, .webp, .bmp, .gif)");
  }
  return sample;
}

std::optional<int64_t> TarSampleReader::NextOffset() const {
  if (!ahead_.has_value()) return std::nullopt;
  return ahead_->member.offset;
}

absl::Status TarSampleReader::ReadAhead() {
  ahead_.reset();
  while (true) {
    VITOK_ASSIGN_OR_RETURN(std::optional<TarMember> member, tar_->Next());
    if (!member.has_value()) return absl::OkStatus();
    std::optional<SampleName> name = SplitSampleName(member->name);
    if (!name.has_value() || IsMetaName(member->name)) continue;
    std::string key(name->key);
    ahead_ = NamedMember{*std::move(member), std::move(key), std::move(name->suffix)};
    return absl::OkStatus();
  }
}

absl::Status TarSampleReader::TakeMember(ShardSample& sample, std::optional<int>& picture_rank) {
  const TarMember& member = ahead_->member;
  const bool is_label = ahead_->suffix == kLabelSuffix || ahead_->suffix == kLabelTextSuffix;
  const std::optional<int> rank = PictureRank(ahead_->suffix);
  const bool is_better_picture = rank.has_value() && (!picture_rank.has_value() || *rank < *picture_rank);
  if (!is_label && !is_better_picture) return absl::OkStatus();
  if (is_better_picture) {
    picture_rank = rank;
    sample.picture_name = member.name;
    sample.picture.clear();
  }
  if (member.size_bytes > max_member_bytes_) {
    sample.problem = absl::InvalidArgumentError(
        StrCat("'", member.name, "' states ", member.size_bytes, " bytes; at most ", max_member_bytes_, " are read"));
    return absl::OkStatus();
  }
  VITOK_ASSIGN_OR_RETURN(std::string data, tar_->ReadData());
  if (is_better_picture) {
    sample.picture = std::move(data);
    return absl::OkStatus();
  }
  const absl::StatusOr<int64_t> label = ParseLabel(data);
  if (!label.ok()) {
    sample.problem = absl::InvalidArgumentError(StrCat("'", member.name, "': ", label.status().message()));
  } else if (*label != kNoLabel && (ahead_->suffix == kLabelSuffix || sample.label == kNoLabel)) {
    sample.label = *label;
  }
  return absl::OkStatus();
}

}  // namespace vitok
