#include "server/metrics_endpoint.h"

#include <exception>
#include <thread>
#include <utility>

#include "absl/synchronization/notification.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "server/listen_address.h"

namespace vitok {

absl::StatusOr<std::unique_ptr<MetricsEndpoint>> MetricsEndpoint::Create(
    const std::string& address, const std::shared_ptr<prometheus::Registry>& registry) {
  VITOK_ASSIGN_OR_RETURN(const ListenAddress parsed, ParseListenAddress(address));
  VITOK_RETURN_IF_ERROR(PrepareToBind(parsed));
  std::unique_ptr<MetricsEndpoint> endpoint(new MetricsEndpoint);
  try {
    endpoint->exposer_ = std::make_unique<prometheus::Exposer>(address);
  } catch (const std::exception& error) {
    return absl::UnavailableError(StrCat("cannot serve metrics on ", address, ": ", error.what()));
  }
  endpoint->exposer_->RegisterCollectable(registry);
  endpoint->address_ = parsed.ToString(endpoint->exposer_->GetListeningPorts().at(0));
  return endpoint;
}

MetricsEndpoint::~MetricsEndpoint() {
  if (exposer_ == nullptr) return;
  // The HTTP library's listening thread looks for its end only every two seconds, or when somebody connects.
  const absl::StatusOr<ListenAddress> address = ParseListenAddress(address_);
  absl::Notification stopped;
  std::thread stop([this, &stopped] {
    exposer_.reset();
    stopped.Notify();
  });
  do {
    if (address.ok()) ConnectOnce(*address);
  } while (!stopped.WaitForNotificationWithTimeout(absl::Milliseconds(5)));
  stop.join();
}

}  // namespace vitok
