#include "core/image/source/folder_source.h"

#include <numeric>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/image/source/position_fields.h"
#include "core/image/source/python_random.h"
#include "core/image/source/share.h"

namespace vitok {

FolderSource::FolderSource(std::vector<PictureFolder> folders, const ImageSourceOptions& options)
    : options_(options), recorder_(options.min_side_px) {
  for (PictureFolder& folder : folders) {
    for (std::string& name : folder.files) files_.push_back({folders_.size(), std::move(name)});
    folders_.push_back(std::move(folder.path));
  }
  std::vector<std::string_view> names;
  for (const File& file : files_) names.push_back(file.name);
  digest_ = DigestNames(names);
  BeginEpoch(0);
}

void FolderSource::BeginEpoch(int64_t epoch) {
  const bool same_order = !order_.empty() && !(options_.shuffle && options_.reshuffle);
  epoch_ = epoch;
  next_ = 0;
  if (same_order) return;
  std::vector<int64_t> all(files_.size());
  std::iota(all.begin(), all.end(), 0);
  if (options_.shuffle) PythonRandom(options_.seed + (options_.reshuffle ? epoch : 0)).Shuffle(all);
  order_ = TakeShare(all, ShareOf(options_));
}

absl::StatusOr<std::optional<ImageSample>> FolderSource::Next() {
  const SourceRecorder::Timer timer(recorder_);
  while (next_ < static_cast<int64_t>(order_.size())) {
    const int64_t file = order_[next_++];
    absl::StatusOr<ImageSample> sample = ReadFile(file);
    if (!sample.ok()) {
      recorder_.CountBroken(PathOf(file), {sample.status().message().data(), sample.status().message().size()});
    } else if (recorder_.Admit(*sample)) {
      recorder_.CountGiven(*sample);
      return *std::move(sample);
    }
  }
  BeginEpoch(epoch_ + 1);
  VITOK_RETURN_IF_ERROR(recorder_.EndEpoch(StrCat("this share of folder '", folders_.front(), "'")));
  return std::nullopt;
}

absl::StatusOr<ImageSample> FolderSource::Fetch(const SampleRef& ref) {
  if (ref.file < 0 || ref.file >= static_cast<int64_t>(files_.size())) {
    return absl::InvalidArgumentError(StrCat("file ", ref.file, " of ", files_.size(), " does not exist"));
  }
  VITOK_ASSIGN_OR_RETURN(ImageSample sample, ReadFile(ref.file));
  VITOK_ASSIGN_OR_RETURN(sample.header, ReadImageHeader(sample.bytes));
  return sample;
}

std::string FolderSource::PathOf(int64_t file) const {
  const std::string& folder = folders_[files_[file].folder];
  return StrCat(folder, folder.ends_with('/') ? "" : "/", files_[file].name);
}

absl::StatusOr<ImageSample> FolderSource::ReadFile(int64_t file) const {
  ImageSample sample{.path = PathOf(file), .ref = {.file = file}};
  VITOK_ASSIGN_OR_RETURN(sample.bytes, ReadWholeFile(sample.path, options_.max_file_bytes));
  const std::string& name = files_[file].name;
  sample.key = name.substr(0, name.rfind('.'));
  return sample;
}

nlohmann::json FolderSource::Identity() const {
  const Share share = ShareOf(options_);
  return {{"kind", "folder"},
          {"version", 1},
          {"data", digest_},
          {"seed", options_.seed},
          {"shuffle", options_.shuffle},
          {"reshuffle", options_.reshuffle},
          {"share", {share.index, share.count}}};
}

nlohmann::json FolderSource::Position() const {
  nlohmann::json position = Identity();
  position["epoch"] = epoch_;
  position["next"] = next_;
  return position;
}

absl::Status FolderSource::Resume(const nlohmann::json& position) {
  VITOK_RETURN_IF_ERROR(CheckIdentity(position, Identity()));
  VITOK_ASSIGN_OR_RETURN(const int64_t epoch, CountField(position, "epoch", INT64_MAX - 1));
  VITOK_ASSIGN_OR_RETURN(const int64_t next, CountField(position, "next", static_cast<int64_t>(order_.size())));
  BeginEpoch(epoch);
  next_ = next;
  recorder_.ForgetEpochs();
  return absl::OkStatus();
}

}  // namespace vitok
