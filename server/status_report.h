// What the status page shows of a running server.
#pragma once

#include <string>

#include "server/model_registry.h"
#include "server/rate_window.h"
#include "server/server_config.h"
#include "server/server_metrics.h"
#include "server/status_page.h"

namespace vitok {

// `not_ready`: why the server takes no calls, "" if it does. Thread-safe as its parts are.
StatusReport MakeStatusReport(const ServerOptions& options, const ModelRegistry& models, const ServerMetrics& metrics,
                              const RateSampler& rates, std::string not_ready);

}  // namespace vitok
