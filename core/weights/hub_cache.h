// The cache of the model hub, laid out as the hub's own library (huggingface_hub) does, so that both find what the
// other has downloaded:
//   models--ORG--REPO/blobs/ETAG              a file's bytes, under this name only when all of them are there
//   models--ORG--REPO/snapshots/COMMIT/FILE   a relative symbolic link to its blob
//   models--ORG--REPO/refs/REVISION           the text COMMIT
//   models--ORG--REPO/.no_exist/COMMIT/FILE   empty: this commit has no such file
//   .locks/models--ORG--REPO/ETAG.lock, CACHEDIR.TAG
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/weights/model_files.h"

namespace vitok {

// The part of one repository. Names that come from the network must have been checked (IsSafeName, CheckHubRevision,
// IsCommit). Thread-safe; other processes may write too.
class HubCache {
 public:
  HubCache(const std::string& cache_folder, std::string_view repository);

  std::string BlobPath(std::string_view etag) const;
  std::string LockPath(std::string_view etag) const;
  std::string SnapshotFolder(std::string_view commit) const;

  // The commit that a revision led to when it was last asked for; a commit leads to itself. NOT_FOUND: never was.
  absl::StatusOr<std::string> FindCommit(std::string_view revision) const;

  // The files of a snapshot that hold the wanted halves, if nothing of them is missing: as FindModelFiles, but with one
  // half of two only if the commit is known to have no other. NOT_FOUND names what is missing.
  absl::StatusOr<std::vector<std::string>> FindFiles(std::string_view commit, WantedHalves wanted) const;

  bool HasFile(std::string_view commit, std::string_view file) const;
  bool IsKnownMissing(std::string_view commit, std::string_view file) const;

  // Errors of these are the system's, and name the path.
  absl::Status MakeFolders(std::string_view commit) const;
  absl::Status Link(std::string_view commit, std::string_view file, std::string_view etag) const;
  absl::Status WriteRef(std::string_view revision, std::string_view commit) const;
  absl::Status MarkMissing(std::string_view commit, std::string_view file) const;

 private:
  const std::string cache_folder_;
  const std::string name_;    // models--ORG--REPO
  const std::string folder_;  // of the repository
};

// Fit for a file name: 1 to 200 letters, digits, '.', '_', '-', no dot in front.
bool IsSafeName(std::string_view name);

// "<path>.<8 hex digits>.incomplete" and the like: a name that no other process and no other call has.
std::string UniquePath(std::string_view path, std::string_view suffix);

struct CachedModel {
  std::string repository;
  std::string commit;
  std::vector<std::string> revisions;  // that lead to the commit
  std::string folder;                  // of the snapshot
  std::vector<std::string> files;      // that hold weights, as names
  int64_t bytes = 0;                   // of these
};

// All snapshots of the cache that hold weights of a model, sorted. Empty if there is no cache.
std::vector<CachedModel> ListCachedModels(const std::string& cache_folder);

}  // namespace vitok
