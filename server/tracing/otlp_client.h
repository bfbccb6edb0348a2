// Sends to a trace collector over HTTP. Free of torch.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/listen_address.h"

namespace httplib {
class Client;
}

namespace vitok {

// Where a collector listens, from "http://host:port". INVALID_ARGUMENT: anything else, such as https (a collector on
// the same machine or node is expected, which can send on over TLS) or a path (/v1/traces is what OTLP says).
absl::StatusOr<ListenAddress> ParseCollector(std::string_view endpoint);

// What came of one attempt.
struct OtlpOutcome {
  enum class Kind { kTaken, kRetry, kRefused };
  Kind kind = Kind::kTaken;
  int64_t rejected_spans = 0;  // of those that were taken
  absl::Duration retry_after;  // the collector asks for so much; zero: it does not say
  std::string problem;         // unless taken: "HTTP status 503", "no answer (Connection)"
};

// One connection, kept open. For one thread, except Stop.
class OtlpClient {
 public:
  explicit OtlpClient(const ListenAddress& collector);
  ~OtlpClient();
  OtlpClient(const OtlpClient&) = delete;
  OtlpClient& operator=(const OtlpClient&) = delete;

  // Sends an ExportTraceServiceRequest. Each wait for the collector ends within `timeout`, that for a connection within
  // one second; the time that the system takes to find the host by its name has no such bound.
  OtlpOutcome Post(const std::string& json, absl::Duration timeout);

  // Breaks a running Post off. Thread-safe.
  void Stop();

 private:
  const std::unique_ptr<httplib::Client> client_;
};

}  // namespace vitok
