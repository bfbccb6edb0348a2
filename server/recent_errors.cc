#include "server/recent_errors.h"

#include <algorithm>
#include <utility>

namespace vitok {
namespace {

constexpr size_t kMaxMessageBytes = 300;

}  // namespace

void RecentErrors::Add(absl::Time time, std::string_view method, std::string_view model, absl::StatusCode code,
                       std::string_view kind, std::string_view message) {
  const std::string_view shown = message.substr(0, kMaxMessageBytes);
  const std::string_view same = kind.empty() ? shown : kind;
  absl::MutexLock lock(&mutex_);
  const auto known = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.error.code == code && entry.kind == same && entry.error.method == method && entry.error.model == model;
  });
  if (known != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, known);
    known->error.time = time;
    known->error.message = shown;
    ++known->error.count;
    return;
  }
  if (entries_.size() == capacity_) entries_.pop_back();
  entries_.push_front({{.time = time,
                        .method = std::string(method),
                        .model = std::string(model),
                        .code = code,
                        .message = std::string(shown)},
                       std::string(same)});
}

std::vector<RecentError> RecentErrors::List() const {
  absl::MutexLock lock(&mutex_);
  std::vector<RecentError> errors;
  for (const Entry& entry : entries_) errors.push_back(entry.error);
  return errors;
}

}  // namespace vitok
