// The small HTTP port beside the gRPC service: pages for Prometheus, probes and people. Free of torch.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"

namespace httplib {
class Server;
}

namespace vitok {

struct HttpReply {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// Called for each GET, on several threads at once; must not throw.
using HttpHandler = std::function<HttpReply()>;

// Answers GET of the given paths until destroyed, everything else with 404. Each connection is closed after one answer,
// so that an idle one never holds a thread or delays the end.
class HttpEndpoint {
 public:
  // `address` is "host:port", port 0 for any free one; `routes` by path ("/metrics"). UNAVAILABLE with the system's
  // reason if it cannot listen there.
  static absl::StatusOr<std::unique_ptr<HttpEndpoint>> Create(const std::string& address,
                                                              std::map<std::string, HttpHandler> routes);

  ~HttpEndpoint();
  HttpEndpoint(const HttpEndpoint&) = delete;
  HttpEndpoint& operator=(const HttpEndpoint&) = delete;

  // Where it really listens: "127.0.0.1:41234".
  const std::string& address() const { return address_; }

 private:
  HttpEndpoint();

  std::string address_;
  const std::unique_ptr<httplib::Server> server_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace vitok
