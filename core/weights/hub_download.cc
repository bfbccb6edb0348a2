#include "core/weights/hub_download.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/weights/hub_backoff.h"
#include "core/weights/hub_lock.h"
#include "core/weights/incomplete_file.h"

namespace vitok {
namespace {

namespace fs = std::filesystem;

bool HasBlob(const std::string& path, const HubFile& answer) {
  std::error_code error;
  const uintmax_t bytes = fs::file_size(path, error);
  return !error && bytes == static_cast<uintmax_t>(answer.bytes.value_or(static_cast<int64_t>(bytes)));
}

absl::Status CheckDisk(const HubOptions& options, const std::string& folder, int64_t bytes) {
  int64_t free_bytes = 0;
  if (options.free_disk_bytes) {
    free_bytes = options.free_disk_bytes(folder);
  } else {
    struct statvfs disk = {};
    if (statvfs(folder.c_str(), &disk) != 0) return absl::OkStatus();  // then writing will tell
    free_bytes = static_cast<int64_t>(disk.f_bavail) * static_cast<int64_t>(disk.f_frsize);
  }
  if (free_bytes >= bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      StrCat("needs ", bytes, " bytes of disk in ", folder, ", which has ", free_bytes, " left"));
}

// One file's way from the hub to its blob.
class Download {
 public:
  Download(const HubOptions& options, HubConnection& connection, const std::string& file, const HubFile& answer,
           IncompleteFile& out)
      : options_(options), connection_(connection), file_(file), answer_(answer), total_(answer.bytes), out_(out) {}

  absl::Status Run() {
    HubBackoff backoff(&options_);
    int64_t best_bytes = 0;
    while (true) {
      const HubAttempt attempt = TryOnce();
      if (attempt.status.ok()) return CheckDigest();
      if (out_.bytes() > best_bytes) {
        best_bytes = out_.bytes();
        backoff.Reset();
      }
      VITOK_RETURN_IF_ERROR(backoff.Wait(attempt.status, attempt.retry_after));
    }
  }

 private:
  HubAttempt TryOnce() {
    is_first_piece_ = true;
    HubAttempt attempt =
        connection_.Get(answer_.commit, file_, answer_.etag, {.first_byte = out_.bytes()},
                        [this](const HttpReply& head, std::string_view bytes) { return Take(head, bytes); });
    const bool has_all = total_.has_value() && out_.bytes() == *total_;
    if (attempt.code == 416 && !has_all) {  // there is nothing from where we are: the file is shorter, or was
      attempt.status = Restart("the range was refused");
    } else if (attempt.status.ok() && total_.has_value() && !has_all) {
      attempt.status = absl::UnavailableError(StrCat("ended after ", out_.bytes(), " of ", *total_, " bytes"));
    } else if (has_all) {
      attempt.status = absl::OkStatus();  // what broke off afterwards does not matter
    }
    return attempt;
  }

  absl::Status Take(const HttpReply& head, std::string_view bytes) {
    if (is_first_piece_) VITOK_RETURN_IF_ERROR(Begin(head));
    is_first_piece_ = false;
    const int64_t room = total_.value_or(std::numeric_limits<int64_t>::max()) - out_.bytes();
    if (static_cast<int64_t>(bytes.size()) > room) {
      return absl::DataLossError(StrCat("has more bytes than the ", *total_, " that the hub said"));
    }
    VITOK_RETURN_IF_ERROR(out_.Append(bytes));
    if (options_.on_progress) options_.on_progress({file_, out_.bytes(), total_.value_or(0)});
    return absl::OkStatus();
  }

  // Decides whether this reply goes on where the last one ended.
  absl::Status Begin(const HttpReply& head) {
    const std::string etag = head.Header("etag");
    const std::string last_etag = std::exchange(reply_etag_, etag);
    if (head.code != 206) {
      int64_t bytes = 0;
      if (!total_.has_value() && absl::SimpleAtoi(head.Header("content-length"), &bytes)) total_ = bytes;
      return out_.Clear();
    }
    const std::optional<ContentRange> range = ParseContentRange(head.Header("content-range"));
    if (!range.has_value() || range->first_byte != out_.bytes())
      return Restart("another range came than was asked for");
    if (!last_etag.empty() && !etag.empty() && etag != last_etag) return Restart("the file changed between two tries");
    return absl::OkStatus();
  }

  absl::Status Restart(std::string_view why) {
    VITOK_RETURN_IF_ERROR(out_.Clear());
    return absl::UnavailableError(ToAbsl(why));
  }

  absl::Status CheckDigest() {
    if (!IsSha256(answer_.etag)) return absl::OkStatus();
    const std::string digest = out_.Sha256();
    if (digest == answer_.etag) return absl::OkStatus();
    return absl::DataLossError(StrCat("what came has the SHA-256 digest ", digest, "; the hub says ", answer_.etag));
  }

  const HubOptions& options_;
  HubConnection& connection_;
  const std::string& file_;
  const HubFile& answer_;
  std::optional<int64_t> total_;
  IncompleteFile& out_;
  bool is_first_piece_ = true;
  std::string reply_etag_;  // of the last reply that brought bytes
};

absl::Status TryDownload(const HubOptions& options, const HubCache& cache, HubConnection& connection,
                         const std::string& file, const HubFile& answer) {
  const std::string blob = cache.BlobPath(answer.etag);
  if (HasBlob(blob, answer)) return absl::OkStatus();
  VITOK_ASSIGN_OR_RETURN(const HubLock lock, HubLock::Wait(options, cache, answer.etag));
  if (HasBlob(blob, answer)) return absl::OkStatus();
  RemoveAbandoned(blob);
  VITOK_RETURN_IF_ERROR(CheckDisk(options, fs::path(blob).parent_path().string(), answer.bytes.value_or(0)));
  VITOK_ASSIGN_OR_RETURN(const std::unique_ptr<IncompleteFile> out, IncompleteFile::Create(blob));
  VITOK_RETURN_IF_ERROR(Download(options, connection, file, answer, *out).Run());
  return out->Commit();
}

}  // namespace

bool IsSha256(std::string_view etag) {
  return etag.size() == 64 && etag.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

absl::Status DownloadBlob(const HubOptions& options, const HubCache& cache, HubConnection& connection,
                          const std::string& file, const HubFile& answer) {
  const absl::Status status = TryDownload(options, cache, connection, file, answer);
  if (status.ok()) return status;
  return absl::Status(status.code(), StrCat(file, ": ", status.message()));
}

}  // namespace vitok
