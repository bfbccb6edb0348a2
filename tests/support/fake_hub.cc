#include "tests/support/fake_hub.h"

#include <httplib.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "core/base/sha256.h"

namespace vitok {
namespace {

std::string Digest(const std::string& bytes) {
  Sha256 digest;
  digest.Update(bytes);
  return digest.Finish();
}

bool IsLarge(const std::string& file) { return !file.ends_with(".json"); }

std::string EtagOf(const std::string& file, const std::string& bytes) {
  return IsLarge(file) ? Digest(bytes) : Digest(bytes).substr(0, 40);
}

// A path as the hub writes it in a redirection.
std::string InLocation(const std::string& path) { return absl::StrReplaceAll(path, {{" ", "%20"}}); }

void SendFile(const std::string& bytes, httplib::Response& response) {
  response.set_content(bytes, "application/octet-stream");
}

}  // namespace

std::string FakeHub::Seen::Header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

FakeHub::FakeHub() : hub_(std::make_unique<httplib::Server>()), content_(std::make_unique<httplib::Server>()) {
  hub_->Get(R"(/api/datasets/([^/]+/[^/]+)/parquet(?:/([^/]+)/([^/]+)/(\d+)\.parquet)?)",
            [this](const httplib::Request& request, httplib::Response& response) { ServeApi(request, response); });
  hub_->Get(R"(/((?:datasets/)?[^/]+/[^/]+)/resolve/(.+))",
            [this](const httplib::Request& request, httplib::Response& response) { ServeHub(request, response); });
  content_->Get(R"(/content/([^/]+)/(.+))", [this](const httplib::Request& request, httplib::Response& response) {
    ServeContent(request, response);
  });
  endpoint_ = absl::StrCat("http://127.0.0.1:", hub_->bind_to_any_port("127.0.0.1"));
  content_endpoint_ = absl::StrCat("http://127.0.0.1:", content_->bind_to_any_port("127.0.0.1"));
  hub_thread_ = std::thread([this] { hub_->listen_after_bind(); });
  content_thread_ = std::thread([this] { content_->listen_after_bind(); });
  // Before that, stop() would do nothing.
  while (!hub_->is_running() || !content_->is_running()) std::this_thread::yield();
}

FakeHub::~FakeHub() {
  end_.Notify();
  hub_->stop();
  content_->stop();
  hub_thread_.join();
  content_thread_.join();
}

std::string FakeHub::AddCommit(const std::string& repository, const std::string& branch, const Files& files) {
  absl::MutexLock lock(&mutex_);
  std::string all = absl::StrCat(repository, commits_.size());
  for (const auto& [name, bytes] : files) absl::StrAppend(&all, name, bytes);
  const std::string commit = Digest(all).substr(0, 40);
  commits_[commit] = {repository, files};
  branches_[absl::StrCat(repository, "@", branch)] = commit;
  return commit;
}

void FakeHub::SetParquetList(const std::string& repository, const std::string& json) {
  absl::MutexLock lock(&mutex_);
  parquet_lists_[repository] = json;
}

std::vector<FakeHub::Seen> FakeHub::seen() const {
  absl::MutexLock lock(&mutex_);
  return seen_;
}

int FakeHub::Count(const std::string& method) const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int>(
      std::count_if(seen_.begin(), seen_.end(), [&](const Seen& seen) { return seen.method == method; }));
}

int FakeHub::Record(const std::string& place, const std::string& file, const httplib::Request& request) {
  Seen now{.place = place, .method = request.method, .file = file};
  for (const auto& [name, value] : request.headers) now.headers[absl::AsciiStrToLower(name)] = value;
  absl::MutexLock lock(&mutex_);
  seen_.push_back(std::move(now));
  return static_cast<int>(std::count_if(seen_.begin(), seen_.end(), [&](const Seen& seen) {
    return seen.place == place && seen.file == file && seen.method == request.method;
  }));
}

std::pair<std::string, std::string> FakeHub::SplitPath(const std::string& repository, const std::string& path) const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::string> revisions;
  for (const auto& [branch, commit] : branches_) {
    if (branch.starts_with(repository + "@")) revisions.push_back(branch.substr(repository.size() + 1));
  }
  for (const auto& [digits, commit] : commits_) revisions.push_back(digits);
  for (const std::string& revision : revisions) {
    if (path.starts_with(revision + "/")) return {revision, path.substr(revision.size() + 1)};
  }
  return {path.substr(0, path.rfind('/')), path.substr(path.rfind('/') + 1)};
}

void FakeHub::ServeApi(const httplib::Request& request, httplib::Response& response) {
  const int count = Record("api", request.path, request);
  if (on_api && on_api(request, response, count)) return;
  const std::string repository = request.matches[1];
  absl::MutexLock lock(&mutex_);
  const auto list = parquet_lists_.find(repository);
  if (list == parquet_lists_.end()) {
    response.status = 404;
    response.set_header("X-Error-Code", "RepoNotFound");
  } else if (!request.matches[4].matched) {
    response.set_content(list->second, "application/json");
  } else {
    const std::string number = request.matches[4];
    const std::string file = absl::StrCat("/", std::string(4 - number.size(), '0'), number, ".parquet");
    const Files& files = commits_[branches_[absl::StrCat("datasets/", repository, "@refs/convert/parquet")]].files;
    std::string path = absl::StrCat(request.matches[2].str(), "/", request.matches[3].str(), file);
    if (!files.contains(path))
      path = absl::StrCat(request.matches[2].str(), "/partial-", request.matches[3].str(), file);
    response.status = 302;
    response.set_header("Location", absl::StrCat(endpoint_, "/datasets/", repository,
                                                 "/resolve/refs%2Fconvert%2Fparquet/", InLocation(path)));
  }
}

void FakeHub::ServeHub(const httplib::Request& request, httplib::Response& response) {
  const std::string repository = request.matches[1];
  const auto [revision, file] = SplitPath(repository, request.matches[2]);
  const int count = Record("hub", file, request);
  const Handler& handler = request.method == "HEAD" ? on_head : on_get;
  if (handler && handler(request, response, count)) return;
  Commit commit;
  std::string digits = revision;
  {
    absl::MutexLock lock(&mutex_);
    const auto branch = branches_.find(absl::StrCat(repository, "@", revision));
    if (branch != branches_.end()) digits = branch->second;
    const auto found = commits_.find(digits);
    const bool known = std::any_of(branches_.begin(), branches_.end(),
                                   [&](const auto& entry) { return entry.first.starts_with(repository + "@"); });
    if (found == commits_.end() || found->second.repository != repository) {
      response.status = known ? 404 : 401;
      response.set_header("X-Error-Code", known ? "RevisionNotFound" : "RepoNotFound");
      return;
    }
    commit = found->second;
  }
  response.set_header("X-Repo-Commit", digits);
  const auto entry = commit.files.find(file);
  if (entry == commit.files.end()) {
    response.status = 404;
    response.set_header("X-Error-Code", "EntryNotFound");
    return;
  }
  const std::string etag = EtagOf(file, entry->second);
  if (!IsLarge(file) || is_mirror) {
    response.set_header("ETag", absl::StrCat("W/\"", etag, "\""));
    SendFile(entry->second, response);
    return;
  }
  response.set_header("X-Linked-Etag", absl::StrCat("\"", etag, "\""));
  response.set_header("X-Linked-Size", absl::StrCat(entry->second.size()));
  response.set_header("ETag", "\"that-of-the-redirect\"");
  response.status = 302;
  response.set_header("Location", redirect
                                      ? redirect(file)
                                      : absl::StrCat(content_endpoint_, "/content/", digits, "/", InLocation(file)));
}

void FakeHub::ServeContent(const httplib::Request& request, httplib::Response& response) {
  const std::string digits = request.matches[1], file = request.matches[2];
  const int count = Record("content", file, request);
  std::string bytes;
  {
    absl::MutexLock lock(&mutex_);
    bytes = commits_[digits].files[file];
  }
  response.set_header("ETag", "\"of-the-content-network\"");
  if (on_content && on_content(request, response, count)) return;
  const std::string known = request.get_header_value("If-Range");
  if (!known.empty() && known != response.get_header_value("ETag")) IgnoreRange(request);
  SendFile(bytes, response);
}

std::string TestBytes(size_t size, int seed) {
  std::string bytes(size, '\0');
  uint32_t state = 2654435761U * static_cast<uint32_t>(seed);
  for (char& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

void IgnoreRange(const httplib::Request& request) { const_cast<httplib::Request&>(request).ranges.clear(); }

void SendCut(const std::string& bytes, size_t end, httplib::Response& response) {
  response.set_content_provider(bytes.size(), "application/octet-stream",
                                [bytes, end](size_t offset, size_t length, httplib::DataSink& sink) {
                                  if (offset >= end) return false;
                                  return sink.write(bytes.data() + offset, std::min(length, end - offset));
                                });
}

void SendAll(const httplib::Request& request, const std::string& bytes, httplib::Response& response) {
  IgnoreRange(request);
  SendFile(bytes, response);
}

}  // namespace vitok
