#include "core/weights/hub.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "core/base/sha256.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/weights/hub_backoff.h"
#include "core/weights/hub_cache.h"
#include "core/weights/hub_connection.h"
#include "core/weights/hub_download.h"

namespace vitok {
namespace {

namespace fs = std::filesystem;

std::string Describe(const HubSource& source) {
  const std::string name = source.published_name.empty() ? "" : StrCat(source.published_name, " = ");
  return StrCat(name, source.repository, "@", source.revision);
}

absl::Status ForModel(const HubSource& source, const absl::Status& status) {
  return absl::Status(status.code(), StrCat("model ", Describe(source), ": ", status.message()));
}

// Of whether the cache may stand in for the hub. What the hub says about the repository is final.
bool MayUseCache(const absl::Status& problem) {
  switch (problem.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kFailedPrecondition: return true;
    default: return false;
  }
}

// One model on its way into the cache.
class Fetch {
 public:
  Fetch(const HubSource& source, WantedHalves wanted, const HubOptions& options)
      : source_(source),
        wanted_(wanted),
        options_(options),
        cache_(options.cache_folder, source.repository),
        connection_(&options_, source.repository) {}

  absl::StatusOr<LocalModel> Run() {
    VITOK_RETURN_IF_ERROR(CheckCancelled(options_));
    absl::StatusOr<LocalModel> cached = FindInCache();
    if (cached.ok() && IsCommit(source_.revision)) return cached;
    if (options_.offline) {
      if (cached.ok()) return cached;
      return absl::NotFoundError(StrCat("is not in the cache ", options_.cache_folder, " (", cached.status().message(),
                                        "), and the hub is not asked: offline (HF_HUB_OFFLINE)"));
    }
    // Who has a copy need not wait long for news.
    tries_ = cached.ok() ? 1 : HubBackoff::kMaxTries;
    absl::StatusOr<LocalModel> fetched = FromHub();
    if (fetched.ok() || !cached.ok() || has_answered_ || !MayUseCache(fetched.status())) return fetched;
    if (options_.warn) {
      options_.warn(StrCat("model ", Describe(source_), ": ", fetched.status().message(), "; using commit ",
                           cached->commit, " of the cache"));
    }
    return cached;
  }

 private:
  absl::StatusOr<LocalModel> FindInCache() const {
    VITOK_ASSIGN_OR_RETURN(const std::string commit, cache_.FindCommit(source_.revision));
    return Found(commit);
  }

  absl::StatusOr<LocalModel> Found(const std::string& commit) const {
    VITOK_ASSIGN_OR_RETURN(std::vector<std::string> files, cache_.FindFiles(commit, wanted_));
    return LocalModel{.path = cache_.SnapshotFolder(commit), .files = std::move(files), .commit = commit};
  }

  absl::StatusOr<LocalModel> FromHub() {
    VITOK_ASSIGN_OR_RETURN(bool found, FetchHalves());
    if (!found) {
      VITOK_ASSIGN_OR_RETURN(found, FetchFile(kMergedFile));
    }
    if (!found) {
      VITOK_ASSIGN_OR_RETURN(found, FetchShards());
    }
    if (!found) {
      return absl::NotFoundError(StrCat("the hub (", options_.endpoint, ") has none of the wanted files: ",
                                        kEncoderFile, ", ", kDecoderFile, ", ", kMergedFile, ", ", kIndexFile));
    }
    VITOK_RETURN_IF_ERROR(cache_.WriteRef(source_.revision, commit_));
    return Found(commit_);
  }

  // False if there is none of the wanted halves.
  absl::StatusOr<bool> FetchHalves() {
    bool found_any = false;
    for (const auto& [is_wanted, file] : {std::pair(wanted_.encoder, kEncoderFile), {wanted_.decoder, kDecoderFile}}) {
      if (!is_wanted) continue;
      VITOK_ASSIGN_OR_RETURN(const bool found, FetchFile(file));
      found_any |= found;
      if (found || source_.published_name.empty()) continue;
      return absl::NotFoundError(StrCat("the hub (", options_.endpoint, ") does not have its ", file));
    }
    return found_any;
  }

  absl::StatusOr<bool> FetchShards() {
    VITOK_ASSIGN_OR_RETURN(const bool found, FetchFile(kIndexFile));
    if (!found) return false;
    const std::string index = StrCat(cache_.SnapshotFolder(commit_), "/", kIndexFile);
    VITOK_ASSIGN_OR_RETURN(const std::vector<std::string> shards, ReadShardIndex(index));
    for (const std::string& shard : shards) {
      VITOK_ASSIGN_OR_RETURN(const bool shard_found, FetchFile(shard));
      if (shard_found) continue;
      return absl::NotFoundError(
          StrCat("the hub (", options_.endpoint, ") does not have ", shard, ", which ", kIndexFile, " names"));
    }
    return true;
  }

  // The first file tells the commit, the others are asked for at that one: all are of the same.
  absl::StatusOr<bool> FetchFile(std::string_view name) {
    const std::string file(name);
    const std::string& revision = commit_.empty() ? source_.revision : commit_;
    if (IsCommit(revision) && cache_.HasFile(revision, file)) {
      commit_ = revision;
      return true;
    }
    VITOK_ASSIGN_OR_RETURN(const HubFile answer, connection_.Ask(revision, file, tries_));
    has_answered_ = true;
    tries_ = HubBackoff::kMaxTries;
    if (commit_.empty()) commit_ = answer.commit;
    if (!answer.exists) {
      if (!answer.commit.empty()) cache_.MarkMissing(answer.commit, file).IgnoreError();  // then it is asked for again
      return false;
    }
    if (answer.commit != commit_) {
      return absl::AbortedError(StrCat(file, " is of commit ", answer.commit, ", asked for at ", commit_));
    }
    // A cache that may only be read is fine if all is there.
    if (cache_.HasFile(commit_, file)) return true;
    VITOK_RETURN_IF_ERROR(cache_.MakeFolders(commit_));
    VITOK_RETURN_IF_ERROR(DownloadBlob(options_, cache_, connection_, file, answer));
    VITOK_RETURN_IF_ERROR(cache_.Link(commit_, file, answer.etag));
    return true;
  }

  const HubSource& source_;
  const WantedHalves wanted_;
  const HubOptions& options_;
  const HubCache cache_;
  HubConnection connection_;
  std::string commit_;  // of all files; empty: not known yet
  int tries_ = 1;
  bool has_answered_ = false;
};

}  // namespace

absl::StatusOr<LocalModel> ResolveModel(std::string_view name, WantedHalves wanted, const HubOptions& options) {
  const absl::StatusOr<HubSource> source = ParseHubSource(name);
  const bool is_published = source.ok() && !source->published_name.empty();
  std::error_code error;
  if (!is_published && fs::exists(std::string(name), error)) {
    const std::string path(name);
    VITOK_ASSIGN_OR_RETURN(std::vector<std::string> files, FindModelFiles(path, wanted));
    return LocalModel{.path = path, .files = std::move(files)};
  }
  if (!source.ok()) return source.status();
  return FetchModel(*source, wanted, options);
}

absl::StatusOr<LocalModel> FetchModel(const HubSource& source, WantedHalves wanted, const HubOptions& options) {
  absl::StatusOr<LocalModel> model = Fetch(source, wanted, options).Run();
  return model.ok() ? std::move(model) : ForModel(source, model.status());
}

absl::StatusOr<std::vector<VerifiedFile>> VerifyModel(const HubSource& source, const HubOptions& options) {
  const HubCache cache(options.cache_folder, source.repository);
  const absl::StatusOr<std::string> commit = cache.FindCommit(source.revision);
  if (!commit.ok()) return ForModel(source, commit.status());
  const absl::StatusOr<std::vector<std::string>> paths = FindModelFiles(cache.SnapshotFolder(*commit), {});
  if (!paths.ok()) return ForModel(source, paths.status());
  std::vector<VerifiedFile> files;
  for (const std::string& path : *paths) {
    VITOK_RETURN_IF_ERROR(CheckCancelled(options));
    std::error_code error;
    VerifiedFile& file = files.emplace_back(VerifiedFile{.file = fs::path(path).filename().string()});
    file.path = fs::canonical(path, error).string();
    file.bytes = static_cast<int64_t>(fs::file_size(path, error));
    // The blob's name, also if it is a link itself to a blob that several repositories share.
    file.expected = fs::read_symlink(path, error).filename().string();
    if (!IsSha256(file.expected)) {
      file.result = VerifiedFile::Result::kNoDigest;
      continue;
    }
    VITOK_ASSIGN_OR_RETURN(file.digest, Sha256OfFile(path));
    file.result = file.digest == file.expected ? VerifiedFile::Result::kGood : VerifiedFile::Result::kBad;
  }
  return files;
}

}  // namespace vitok
