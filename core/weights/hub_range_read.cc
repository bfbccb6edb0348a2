#include "core/weights/hub_range_read.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/weights/hub_backoff.h"

namespace vitok {
namespace {

class RangeRead {
 public:
  RangeRead(const HubOptions& options, HubConnection& connection, PinnedHubFile& file, int64_t first_byte,
            std::optional<int64_t> end_byte, const std::function<absl::Status(std::string_view)>& on_bytes)
      : options_(options),
        connection_(connection),
        file_(file),
        end_byte_(end_byte),
        on_bytes_(on_bytes),
        total_(file.answer.bytes),
        position_(first_byte) {}

  absl::Status Run() {
    HubBackoff backoff(&options_);
    while (!IsDone()) {
      const int64_t before = position_;
      const HubAttempt attempt = TryOnce();
      if (attempt.status.ok()) return attempt.status;
      if (position_ > before) backoff.Reset();
      VITOK_RETURN_IF_ERROR(backoff.Wait(attempt.status, attempt.retry_after));
    }
    return absl::OkStatus();
  }

 private:
  // The first byte that is not wanted, as far as it is known.
  std::optional<int64_t> End() const {
    return end_byte_.has_value() && total_.has_value() ? std::min(*end_byte_, *total_)
           : end_byte_.has_value()                     ? end_byte_
                                                       : total_;
  }
  bool IsDone() const { return End().has_value() && position_ >= *End(); }

  HubAttempt TryOnce() {
    is_first_piece_ = true;
    const std::string etag = file_.etag();
    const bool is_weak = etag.starts_with("W/");  // which If-Range must not have
    HubAttempt attempt = connection_.Get(
        file_.answer.commit, file_.path, file_.answer.etag,
        {.first_byte = position_, .end_byte = end_byte_, .if_etag = is_weak ? "" : etag, .place = file_.place.get()},
        [this](const HttpReply& head, std::string_view bytes) { return Take(head, bytes); });
    if (IsDone()) {
      attempt.status = absl::OkStatus();  // what broke off afterwards, or went on, does not matter
    } else if (attempt.code == 416) {
      attempt.status = absl::DataLossError(
          total_.has_value() ? StrCat("ends before byte ", position_,
                                      " where the hub led to; the hub says that it has ", *total_, " bytes")
                             : StrCat("ends before byte ", position_));
    } else if (attempt.status.ok() && total_.has_value()) {
      attempt.status = absl::UnavailableError(StrCat("ended at byte ", position_, " of ", *total_));
    }
    return attempt;
  }

  absl::Status Take(const HttpReply& head, std::string_view bytes) {
    if (is_first_piece_) VITOK_RETURN_IF_ERROR(Begin(head));
    is_first_piece_ = false;
    const size_t passed_over = std::min<size_t>(to_pass_over_, bytes.size());
    to_pass_over_ -= static_cast<int64_t>(passed_over);
    bytes.remove_prefix(passed_over);
    const std::optional<int64_t> end = End();
    const bool has_more = end.has_value() && static_cast<int64_t>(bytes.size()) > *end - position_;
    if (has_more) bytes = bytes.substr(0, *end - position_);
    if (!bytes.empty()) VITOK_RETURN_IF_ERROR(on_bytes_(bytes));
    position_ += static_cast<int64_t>(bytes.size());
    return has_more ? absl::CancelledError("all is there") : absl::OkStatus();
  }

  // Decides whether, and from which byte on, this reply goes on where the last one ended.
  absl::Status Begin(const HttpReply& head) {
    VITOK_RETURN_IF_ERROR(file_.CheckEtag(head.Header("etag")));
    std::optional<int64_t> total;
    to_pass_over_ = 0;
    if (head.code == 206) {
      const std::optional<ContentRange> range = ParseContentRange(head.Header("content-range"));
      if (!range.has_value() || range->first_byte != position_) {
        return absl::UnavailableError("another range came than was asked for");
      }
      total = range->total_bytes;
    } else {
      to_pass_over_ = position_;
      int64_t bytes = 0;
      if (absl::SimpleAtoi(head.Header("content-length"), &bytes)) total = bytes;
    }
    if (total.has_value() && total_.has_value() && *total != *total_) {
      return absl::DataLossError(
          StrCat("has ", *total, " bytes where the hub led to; the hub says that it has ", *total_));
    }
    if (!total_.has_value()) total_ = total;
    return absl::OkStatus();
  }

  const HubOptions& options_;
  HubConnection& connection_;
  PinnedHubFile& file_;
  const std::optional<int64_t> end_byte_;
  const std::function<absl::Status(std::string_view)>& on_bytes_;
  std::optional<int64_t> total_;  // bytes of the file
  int64_t position_;              // of the next byte that on_bytes gets
  bool is_first_piece_ = true;
  int64_t to_pass_over_ = 0;  // bytes of this reply before that
};

}  // namespace

absl::Status PinnedHubFile::CheckEtag(const std::string& etag) {
  if (etag.empty()) return absl::OkStatus();
  absl::MutexLock lock(&mutex_);
  if (etag_.empty()) etag_ = etag;
  if (etag_ == etag) return absl::OkStatus();
  return absl::AbortedError("was changed while it was read: its etag is another one now");
}

std::string PinnedHubFile::etag() const {
  absl::MutexLock lock(&mutex_);
  return etag_;
}

absl::Status ReadHubRange(const HubOptions& options, HubConnection& connection, PinnedHubFile& file, int64_t first_byte,
                          std::optional<int64_t> end_byte,
                          const std::function<absl::Status(std::string_view)>& on_bytes) {
  return RangeRead(options, connection, file, first_byte, end_byte, on_bytes).Run();
}

}  // namespace vitok
