#include "server/hub_fetcher.h"

#include <string>
#include <utility>

#include "absl/time/time.h"
#include "core/base/monotonic_clock.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/weights/hub.h"
#include "spdlog/spdlog.h"

namespace vitok {
namespace {

constexpr absl::Duration kLogInterval = absl::Seconds(10);

WantedHalves Wanted(LoadOptions::Halves halves) {
  return {.encoder = halves != LoadOptions::Halves::kDecoder, .decoder = halves != LoadOptions::Halves::kEncoder};
}

// Logs the first piece of each file and then now and then.
class ProgressLog {
 public:
  explicit ProgressLog(std::string model) : model_(std::move(model)) {}

  void operator()(const HubProgress& progress) {
    const absl::Time now = MonotonicNow();
    if (progress.file == file_ && now - logged_ < kLogInterval) return;
    file_ = std::string(progress.file);
    logged_ = now;
    spdlog::info("model '{}': downloading {}: {:.1f} of {:.1f} MB", model_, file_, progress.done_bytes / 1e6,
                 progress.total_bytes / 1e6);
  }

 private:
  const std::string model_;
  std::string file_;
  absl::Time logged_;
};

// To the caller of a load the hub is no part of this service: its refusals are not ours.
absl::Status ToLoadFailure(const absl::Status& status) {
  if (absl::IsResourceExhausted(status) || absl::IsCancelled(status)) return status;
  return absl::FailedPreconditionError(status.message());
}

absl::StatusOr<std::string> Fetch(const ModelOptions& model, HubOptions hub) {
  VITOK_ASSIGN_OR_RETURN(const HubSource source, ParseHubSource(model.hub));
  ProgressLog log(model.key().ToString());
  hub.on_progress = [&log](const HubProgress& progress) { log(progress); };
  hub.warn = [](const std::string& text) { spdlog::warn("{}", text); };
  const absl::StatusOr<LocalModel> local = FetchModel(source, Wanted(model.load.halves), hub);
  if (!local.ok()) return ToLoadFailure(local.status());
  spdlog::info("model '{}' is commit {} of {}", model.key().ToString(), local->commit, source.repository);
  return local->path;
}

}  // namespace

ModelFetcher MakeHubFetcher(absl::StatusOr<HubOptions> hub, std::function<bool()> cancelled) {
  if (hub.ok()) hub->cancelled = std::move(cancelled);
  return [hub = std::move(hub)](const ModelOptions& model) -> absl::StatusOr<std::string> {
    return hub.ok() ? Fetch(model, *hub) : hub.status();
  };
}

}  // namespace vitok
