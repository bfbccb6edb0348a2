// What a failed call tells its caller.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/tokenizer_client.h"

namespace vitok {

struct CallSite {
  std::string name;    // of the method
  std::string target;  // the server
  absl::Duration deadline;
  std::optional<TlsClientOptions> tls;
};

// Names the call and the server, which gRPC's own texts do not; the details stay. REQUIRES: not OK, and nobody on this
// side cancelled the call.
absl::Status ExplainCallError(const absl::Status& status, const CallSite& site);

}  // namespace vitok
