#include "server/status_report.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/time/clock.h"
#include "core/base/precision.h"
#include "core/base/str_cat.h"
#include "core/base/version.h"
#include "server/build_info.h"
#include "server/loaded_model.h"

namespace vitok {

StatusReport MakeStatusReport(const ServerOptions& options, const ModelRegistry& models, const ServerMetrics& metrics,
                              const RateSampler& rates, std::string not_ready) {
  StatusReport report{.version = std::string(Version()),
                      .build = BuildDescription(),
                      .not_ready = std::move(not_ready),
                      .now = absl::Now(),
                      .uptime = rates.uptime(),
                      .rates = rates.Rates(),
                      .refusals = metrics.Rejections(),
                      .errors = metrics.recent_errors().List()};
  for (const ModelRegistry::Entry& entry : models.List()) {
    const TokenizerInfo info = entry.model != nullptr ? entry.model->info() : TokenizerInfo();
    report.models.push_back({.name = entry.key.name,
                             .version = entry.key.version,
                             .state = absl::AsciiStrToLower(ToAbsl(ModelStateName(entry.state))),
                             .variant = info.variant,
                             .dtype = std::string(PrecisionName(info.precision)),
                             .device = info.device,
                             .parameters = info.encoder_parameters + info.decoder_parameters});
  }
  for (const ServerMetrics::DeviceState& device : metrics.Devices()) {
    report.queues.push_back({.device = device.name,
                             .requests = device.queued_requests,
                             .max_requests = options.batching.max_queued_requests,
                             .tokens = device.queued_tokens,
                             .max_tokens = options.batching.max_queued_tokens,
                             .batches = device.inflight_batches});
  }
  return report;
}

}  // namespace vitok
