#include <filesystem>
#include <utility>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/image/image_source.h"
#include "core/image/source/folder_source.h"
#include "core/image/source/image_files.h"
#include "core/image/source/mixed_source.h"
#include "core/image/source/open_shard.h"
#include "core/image/source/shard_source.h"
#include "core/image/source/source_names.h"

namespace vitok {
namespace {

absl::Status CheckOptions(const ImageSourceOptions& options) {
  const auto check = [](std::string_view name, int64_t value, int64_t min, int64_t max) {
    if (value >= min && value <= max) return absl::OkStatus();
    return absl::InvalidArgumentError(StrCat(name, " must be in [", min, ", ", max, "]; was ", value));
  };
  constexpr int64_t kMaxShares = 1 << 20;
  VITOK_RETURN_IF_ERROR(check("num_ranks", options.num_ranks, 1, kMaxShares));
  VITOK_RETURN_IF_ERROR(check("num_workers", options.num_workers, 1, kMaxShares));
  VITOK_RETURN_IF_ERROR(check("rank", options.rank, 0, options.num_ranks - 1));
  VITOK_RETURN_IF_ERROR(check("worker", options.worker, 0, options.num_workers - 1));
  VITOK_RETURN_IF_ERROR(check("shuffle_samples", options.shuffle_samples, 1, INT32_MAX));
  VITOK_RETURN_IF_ERROR(check("shuffle_bytes", options.shuffle_bytes, 1, INT64_MAX));
  VITOK_RETURN_IF_ERROR(check("shuffle_initial", options.shuffle_initial, 1, INT32_MAX));
  VITOK_RETURN_IF_ERROR(check("min_side_px", options.min_side_px, 0, INT32_MAX));
  return check("max_file_bytes", options.max_file_bytes, 1, int64_t{1} << 40);
}

bool IsFolder(const std::string& path) {
  std::error_code error;
  return SchemeOf(path).empty() && std::filesystem::is_directory(path, error);
}

// The pictures of a folder that is read as such: they lie directly in it, or it has no shards. nullopt: it has shards.
absl::StatusOr<std::optional<PictureFolder>> AsPictureFolder(const std::string& path) {
  if (!IsImageFolder(path) && ExpandShardPattern(path).ok()) return std::nullopt;
  VITOK_ASSIGN_OR_RETURN(std::vector<std::string> files, ListImageFiles(path));
  return PictureFolder{path, std::move(files)};
}

// What the patterns of a name come to: pictures in folders or shards, not both.
absl::StatusOr<std::unique_ptr<ImageSource>> OpenParts(const std::vector<NamedPart>& parts,
                                                       const ImageSourceOptions& options) {
  std::vector<PictureFolder> folders;
  std::vector<std::string> shards;
  std::vector<int64_t> shards_per_part;
  for (const NamedPart& part : parts) {
    const size_t before = shards.size();
    VITOK_ASSIGN_OR_RETURN(const std::vector<std::string> names, ExpandBraces(part.pattern));
    for (const std::string& name : names) {
      if (IsFolder(name)) {
        VITOK_ASSIGN_OR_RETURN(std::optional<PictureFolder> folder, AsPictureFolder(name));
        if (folder.has_value()) {
          folders.push_back(*std::move(folder));
          continue;
        }
      }
      VITOK_ASSIGN_OR_RETURN(std::vector<std::string> expanded, ExpandShardPattern(name));
      shards.insert(shards.end(), std::make_move_iterator(expanded.begin()), std::make_move_iterator(expanded.end()));
    }
    if (shards.size() > before) shards_per_part.push_back(static_cast<int64_t>(shards.size() - before));
  }
  if (!folders.empty() && !shards.empty()) {
    return absl::InvalidArgumentError(StrCat("'", folders.front().path, "' is a folder of pictures, '", shards.front(),
                                             "' a shard: give weights to mix them"));
  }
  if (!folders.empty()) return std::make_unique<FolderSource>(std::move(folders), options);
  VITOK_ASSIGN_OR_RETURN(ShardOpener opener, MakeShardOpener(shards, options));
  return std::make_unique<ShardSource>(std::move(shards), std::move(shards_per_part), std::move(opener), options);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ImageSource>> OpenImageSource(const std::string& name,
                                                             const ImageSourceOptions& options) {
  VITOK_RETURN_IF_ERROR(CheckOptions(options));
  VITOK_ASSIGN_OR_RETURN(const std::vector<NamedPart> parts, SplitSourceName(name));
  if (!parts.front().weight.has_value()) return OpenParts(parts, options);
  // The parts share the memory of the shuffle buffer.
  ImageSourceOptions part_options = options;
  const auto num_parts = static_cast<int64_t>(parts.size());
  part_options.shuffle_samples = std::max<int64_t>(1, options.shuffle_samples / num_parts);
  part_options.shuffle_bytes = std::max<int64_t>(1, options.shuffle_bytes / num_parts);
  std::vector<MixedSource::Part> mix;
  for (const NamedPart& part : parts) {
    VITOK_ASSIGN_OR_RETURN(std::unique_ptr<ImageSource> source, OpenParts({part}, part_options));
    mix.push_back({std::move(source), *part.weight});
  }
  return std::make_unique<MixedSource>(std::move(mix), options);
}

}  // namespace vitok
