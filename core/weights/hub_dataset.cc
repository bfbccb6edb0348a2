#include "core/weights/hub_dataset.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/byte_pipe.h"
#include "core/base/named_thread.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/weights/hub_backoff.h"
#include "core/weights/hub_connection.h"
#include "core/weights/hub_range_read.h"

namespace vitok {
namespace {

absl::Status WithName(const std::string& name, const absl::Status& status) {
  return status.ok() ? status : absl::Status(status.code(), StrCat(name, ": ", status.message()));
}

// A connection about one repository, whose work another thread can end.
class Line {
 public:
  Line(HubOptions options, const std::string& repository)
      : options_(WithEnd(std::move(options))), connection_(&options_, "datasets/" + repository) {}

  const HubOptions& options() const { return options_; }
  HubConnection& connection() { return connection_; }
  void End() { is_ended_ = true; }
  void Renew() { is_ended_ = false; }

 private:
  HubOptions WithEnd(HubOptions options) {
    options.cancelled = [this, cancelled = std::move(options.cancelled)] {
      return is_ended_ || (cancelled && cancelled());
    };
    return options;
  }

  std::atomic<bool> is_ended_ = false;
  const HubOptions options_;
  HubConnection connection_;
};

// What is known of a file.
struct Known {
  HubFile answer;
  std::shared_ptr<HubPlace> place;
};

// What all files that are opened have in common. Thread-safe.
class Hub {
 public:
  explicit Hub(HubOptions options) : options_(std::move(options)) {}

  // What the hub says of a file that exists.
  absl::StatusOr<Known> Ask(const HubDatasetFile& file) {
    if (options_.offline) {
      return absl::FailedPreconditionError("data sets of the hub are read over the network, and HF_HUB_OFFLINE is set");
    }
    const std::string branch = StrCat(file.repository, "@", file.revision), key = StrCat(branch, "/", file.path);
    std::string revision = file.revision;
    {
      absl::MutexLock lock(&mutex_);
      if (const auto known = known_.find(key); known != known_.end()) return known->second;
      if (const auto commit = commits_.find(branch); commit != commits_.end()) revision = commit->second;
    }
    VITOK_ASSIGN_OR_RETURN(const Known known, AskAt(file, revision));
    {
      absl::MutexLock lock(&mutex_);
      revision = commits_.try_emplace(branch, known.answer.commit).first->second;
      if (revision == known.answer.commit) {
        if (known_.size() >= kMaxKnown) known_.clear();
        return known_[key] = known;
      }
    }
    // Another thread came first, and the branch has moved since.
    return AskAt(file, revision);
  }

  // Takes a connection that nobody uses.
  std::unique_ptr<Line> Take(const std::string& repository) {
    absl::MutexLock lock(&mutex_);
    std::vector<std::unique_ptr<Line>>& lines = idle_[repository];
    if (lines.empty()) return std::make_unique<Line>(options_, repository);
    std::unique_ptr<Line> line = std::move(lines.back());
    lines.pop_back();
    line->Renew();
    return line;
  }

  void GiveBack(const std::string& repository, std::unique_ptr<Line> line) {
    absl::MutexLock lock(&mutex_);
    idle_[repository].push_back(std::move(line));
  }

 private:
  static constexpr size_t kMaxKnown = 100'000;

  absl::StatusOr<Known> AskAt(const HubDatasetFile& file, const std::string& revision) {
    std::unique_ptr<Line> line = Take(file.repository);
    absl::StatusOr<HubFile> answer = line->connection().Ask(revision, file.path, HubBackoff::kMaxTries);
    GiveBack(file.repository, std::move(line));
    VITOK_RETURN_IF_ERROR(answer.status());
    if (answer->exists) return Known{*std::move(answer), std::make_shared<HubPlace>()};
    return absl::NotFoundError(
        StrCat("data set ", file.repository, " has no file '", file.path, "' in revision ", revision));
  }

  const HubOptions options_;
  absl::Mutex mutex_;
  std::map<std::string, std::string> commits_ ABSL_GUARDED_BY(mutex_);                      // by "org/repo@main"
  std::map<std::string, Known> known_ ABSL_GUARDED_BY(mutex_);                              // by "org/repo@main/path"
  std::map<std::string, std::vector<std::unique_ptr<Line>>> idle_ ABSL_GUARDED_BY(mutex_);  // by repository
};

// A thread writes what comes into a pipe, which the stream reads: a full pipe holds the transfer up.
class HubStream : public ByteStream {
 public:
  HubStream(std::shared_ptr<Hub> hub, const HubDatasetFile& file, const Known& known, int64_t offset)
      : hub_(std::move(hub)),
        repository_(file.repository),
        name_(HubDatasetName(file)),
        file_(file.path, known.answer, known.place),
        line_(hub_->Take(repository_)),
        pipe_(kHubReadAheadBytes),
        thread_(NamedThread("hub stream", [this, offset] { Transfer(offset); })) {}

  ~HubStream() override {
    line_->End();
    pipe_.CloseReader();
    thread_.join();
    hub_->GiveBack(repository_, std::move(line_));
  }

  absl::StatusOr<int64_t> Read(absl::Span<char> out) override { return pipe_.Read(out); }
  absl::StatusOr<int64_t> Skip(int64_t bytes) override { return pipe_.Skip(bytes); }

 private:
  void Transfer(int64_t offset) {
    pipe_.CloseWriter(WithName(name_, ReadHubRange(line_->options(), line_->connection(), file_, offset, std::nullopt,
                                                   [this](std::string_view bytes) {
                                                     return pipe_.Write(bytes)
                                                                ? absl::OkStatus()
                                                                : absl::CancelledError("nobody reads it");
                                                   })));
  }

  const std::shared_ptr<Hub> hub_;
  const std::string repository_, name_;
  PinnedHubFile file_;
  std::unique_ptr<Line> line_;
  BytePipe pipe_;
  std::thread thread_;
};

class HubRandomAccessFile : public RandomAccessFile {
 public:
  // REQUIRES: known.answer.bytes.
  HubRandomAccessFile(std::shared_ptr<Hub> hub, const HubDatasetFile& file, const Known& known)
      : hub_(std::move(hub)),
        repository_(file.repository),
        name_(HubDatasetName(file)),
        file_(file.path, known.answer, known.place) {}

  int64_t size_bytes() const override { return *file_.answer.bytes; }

  absl::StatusOr<int64_t> ReadAt(int64_t offset, absl::Span<char> out) override {
    const int64_t bytes = std::clamp<int64_t>(size_bytes() - offset, 0, static_cast<int64_t>(out.size()));
    std::unique_ptr<Line> line = hub_->Take(repository_);
    char* next = out.data();
    const absl::Status status =
        ReadHubRange(line->options(), line->connection(), file_, offset, offset + bytes, [&](std::string_view piece) {
          next = std::ranges::copy(piece, next).out;
          return absl::OkStatus();
        });
    hub_->GiveBack(repository_, std::move(line));
    VITOK_RETURN_IF_ERROR(WithName(name_, status));
    return bytes;
  }

 private:
  const std::shared_ptr<Hub> hub_;
  const std::string repository_, name_;
  PinnedHubFile file_;
};

}  // namespace

HubDatasetOpeners MakeHubDatasetOpeners(HubOptions options) {
  const auto hub = std::make_shared<Hub>(std::move(options));
  HubDatasetOpeners openers;
  openers.stream = [hub](const std::string& name, int64_t offset) -> absl::StatusOr<std::unique_ptr<ByteStream>> {
    VITOK_ASSIGN_OR_RETURN(const HubDatasetFile file, ParseHubDatasetName(name));
    const absl::StatusOr<Known> known = hub->Ask(file);
    VITOK_RETURN_IF_ERROR(WithName(name, known.status()));
    return std::make_unique<HubStream>(hub, file, *known, offset);
  };
  openers.file = [hub](const std::string& name) -> absl::StatusOr<std::unique_ptr<RandomAccessFile>> {
    VITOK_ASSIGN_OR_RETURN(const HubDatasetFile file, ParseHubDatasetName(name));
    const absl::StatusOr<Known> known = hub->Ask(file);
    VITOK_RETURN_IF_ERROR(WithName(name, known.status()));
    if (!known->answer.bytes.has_value()) {
      return absl::FailedPreconditionError(StrCat(name, ": the hub does not say how large it is"));
    }
    return std::make_unique<HubRandomAccessFile>(hub, file, *known);
  };
  return openers;
}

}  // namespace vitok
