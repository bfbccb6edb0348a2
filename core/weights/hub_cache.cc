#include "core/weights/hub_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/weights/hub_source.h"

namespace vitok {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFolderPrefix = "models--";
constexpr char kCacheTag[] =
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This file is a cache directory tag: programs that make backups may leave this folder out.\n"
    "# For information about cache directory tags, see https://bford.info/cachedir/\n";

absl::Status SystemError(int error, const fs::path& path) { return absl::ErrnoToStatus(error, path.string()); }

absl::Status MakeFolder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  return error ? SystemError(error.value(), folder) : absl::OkStatus();
}

// Readers see the old text or the new one.
absl::Status WriteText(const fs::path& path, std::string_view text) {
  VITOK_RETURN_IF_ERROR(MakeFolder(path.parent_path()));
  const std::string temporary = UniquePath(path.string(), ".tmp");
  errno = 0;
  const bool written = bool(std::ofstream(temporary) << text << std::flush);
  if (written && std::rename(temporary.c_str(), path.c_str()) == 0) return absl::OkStatus();
  const int error = errno != 0 ? errno : EIO;
  unlink(temporary.c_str());
  return SystemError(error, path);
}

std::string ReadText(const fs::path& path) {
  std::string text;
  std::ifstream file(path);
  std::getline(file, text);
  return std::string(absl::StripAsciiWhitespace(text));
}

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// "org/repo" of "models--org--repo"; "" for other folders.
std::string RepositoryOf(const std::string& folder) {
  if (!folder.starts_with(kFolderPrefix)) return "";
  const std::string name = folder.substr(kFolderPrefix.size());
  const size_t dashes = name.find("--");
  return dashes == std::string::npos ? "" : StrCat(name.substr(0, dashes), "/", name.substr(dashes + 2));
}

std::vector<std::string> RevisionsOf(const fs::path& repository, const std::string& commit) {
  std::vector<std::string> revisions;
  const fs::path refs = repository / "refs";
  std::error_code error;
  for (fs::recursive_directory_iterator entry(refs, error), end; !error && entry != end; entry.increment(error)) {
    if (!entry->is_regular_file(error) || ReadText(entry->path()) != commit) continue;
    revisions.push_back(entry->path().lexically_relative(refs).string());
  }
  std::sort(revisions.begin(), revisions.end());
  return revisions;
}

// The names of a folder's entries, sorted.
std::vector<std::string> Entries(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

bool IsSafeName(std::string_view name) {
  return !name.empty() && name.size() <= 200 && name.front() != '.' &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-'; });
}

std::string UniquePath(std::string_view path, std::string_view suffix) {
  static std::atomic<uint32_t> counter{std::random_device()()};
  // The process in the digits makes collisions of two processes unlikely; who creates the file asks for a new one.
  const uint32_t digits = counter.fetch_add(0x9E3779B9) ^ static_cast<uint32_t>(getpid()) * 0x85EBCA6B;
  return StrCat(path, ".", absl::StrFormat("%08x", digits), suffix);
}

HubCache::HubCache(const std::string& cache_folder, std::string_view repository)
    : cache_folder_(cache_folder),
      name_(StrCat(kFolderPrefix, absl::StrReplaceAll(ToAbsl(repository), {{"/", "--"}}))),
      folder_(StrCat(cache_folder, "/", name_)) {}

std::string HubCache::BlobPath(std::string_view etag) const { return StrCat(folder_, "/blobs/", etag); }

std::string HubCache::LockPath(std::string_view etag) const {
  return StrCat(cache_folder_, "/.locks/", name_, "/", etag, ".lock");
}

std::string HubCache::SnapshotFolder(std::string_view commit) const { return StrCat(folder_, "/snapshots/", commit); }

absl::StatusOr<std::string> HubCache::FindCommit(std::string_view revision) const {
  if (IsCommit(revision)) return std::string(revision);
  const std::string path = StrCat(folder_, "/refs/", revision);
  std::string commit = ReadText(path);
  if (IsCommit(commit)) return commit;
  return absl::NotFoundError(StrCat("the cache ", cache_folder_, " has no revision ", revision, " of it"));
}

bool HubCache::HasFile(std::string_view commit, std::string_view file) const {
  return Exists(StrCat(SnapshotFolder(commit), "/", file));
}

bool HubCache::IsKnownMissing(std::string_view commit, std::string_view file) const {
  return Exists(StrCat(folder_, "/.no_exist/", commit, "/", file));
}

absl::StatusOr<std::vector<std::string>> HubCache::FindFiles(std::string_view commit, WantedHalves wanted) const {
  VITOK_ASSIGN_OR_RETURN(std::vector<std::string> files, FindModelFiles(SnapshotFolder(commit), wanted));
  const bool in_halves = HasFile(commit, kEncoderFile) || HasFile(commit, kDecoderFile);
  for (const auto& [is_wanted, file] : {std::pair(wanted.encoder, kEncoderFile), {wanted.decoder, kDecoderFile}}) {
    if (!in_halves || !is_wanted || HasFile(commit, file) || IsKnownMissing(commit, file)) continue;
    return absl::NotFoundError(StrCat(SnapshotFolder(commit), " does not hold ", file));
  }
  return files;
}

absl::Status HubCache::MakeFolders(std::string_view commit) const {
  VITOK_RETURN_IF_ERROR(MakeFolder(folder_ + "/blobs"));
  VITOK_RETURN_IF_ERROR(MakeFolder(SnapshotFolder(commit)));
  const std::string tag = cache_folder_ + "/CACHEDIR.TAG";
  if (!Exists(tag)) WriteText(tag, kCacheTag).IgnoreError();  // only backups miss it
  return absl::OkStatus();
}

absl::Status HubCache::Link(std::string_view commit, std::string_view file, std::string_view etag) const {
  const std::string path = StrCat(SnapshotFolder(commit), "/", file);
  const std::string target = StrCat("../../blobs/", etag);
  std::error_code error;
  if (fs::read_symlink(path, error) == target) return absl::OkStatus();
  // Renamed, so that a link which stands there is replaced in one step.
  const std::string temporary = UniquePath(path, ".tmp");
  if (symlink(target.c_str(), temporary.c_str()) != 0) return SystemError(errno, temporary);
  if (std::rename(temporary.c_str(), path.c_str()) == 0) return absl::OkStatus();
  const int problem = errno;
  unlink(temporary.c_str());
  return SystemError(problem, path);
}

absl::Status HubCache::WriteRef(std::string_view revision, std::string_view commit) const {
  if (revision == commit) return absl::OkStatus();
  const std::string path = StrCat(folder_, "/refs/", revision);
  // A cache that may only be read is fine as long as it says what is to be written.
  if (ReadText(path) == commit) return absl::OkStatus();
  return WriteText(path, commit);
}

absl::Status HubCache::MarkMissing(std::string_view commit, std::string_view file) const {
  if (IsKnownMissing(commit, file)) return absl::OkStatus();
  return WriteText(StrCat(folder_, "/.no_exist/", commit, "/", file), "");
}

std::vector<CachedModel> ListCachedModels(const std::string& cache_folder) {
  std::vector<CachedModel> models;
  for (const std::string& name : Entries(cache_folder)) {
    const std::string repository = RepositoryOf(name);
    if (repository.empty()) continue;
    const HubCache cache(cache_folder, repository);
    for (const std::string& commit : Entries(fs::path(cache_folder) / name / "snapshots")) {
      CachedModel model{.repository = repository, .commit = commit, .folder = cache.SnapshotFolder(commit)};
      const absl::StatusOr<std::vector<std::string>> files = FindModelFiles(model.folder, {});
      if (!files.ok()) continue;
      for (const std::string& file : *files) {
        std::error_code error;
        model.bytes += static_cast<int64_t>(fs::file_size(file, error));
        model.files.push_back(fs::path(file).filename().string());
      }
      model.revisions = RevisionsOf(fs::path(cache_folder) / name, commit);
      models.push_back(std::move(model));
    }
  }
  return models;
}

}  // namespace vitok
