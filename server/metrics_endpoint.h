// The HTTP endpoint that Prometheus scrapes. Free of torch.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "prometheus/exposer.h"
#include "prometheus/registry.h"

namespace vitok {

// Serves GET /metrics until destroyed.
class MetricsEndpoint {
 public:
  // `address` is "host:port", port 0 for any free one. UNAVAILABLE with the system's reason if it cannot listen there.
  static absl::StatusOr<std::unique_ptr<MetricsEndpoint>> Create(const std::string& address,
                                                                 const std::shared_ptr<prometheus::Registry>& registry);

  ~MetricsEndpoint();
  MetricsEndpoint(const MetricsEndpoint&) = delete;
  MetricsEndpoint& operator=(const MetricsEndpoint&) = delete;

  // Where it really listens: "127.0.0.1:41234".
  const std::string& address() const { return address_; }

 private:
  MetricsEndpoint() = default;

  std::string address_;
  std::unique_ptr<prometheus::Exposer> exposer_;
};

}  // namespace vitok
