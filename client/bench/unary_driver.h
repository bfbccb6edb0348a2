// Requests as unary calls.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/bench/bench_method.h"
#include "client/bench/load_driver.h"
#include "client/tokenizer_client.h"

namespace vitok {

struct UnaryDriverOptions {
  std::vector<std::string> servers;  // REQUIRES: at least one, each as TokenizerClient::Create wants it
  int connections = 1;               // to each server; REQUIRES: positive
  int threads = 1;                   // that wait for answers; REQUIRES: positive
  BenchMethod method = BenchMethod::kEncode;
  std::optional<TlsClientOptions> tls;          // as TokenizerClient wants it
  std::string token;                            // sent with each request; empty: none
  absl::Duration deadline = absl::Seconds(60);  // of a request, retries included; REQUIRES: positive, finite
  // false: a refusal is the outcome. true: what TokenizerClient repeats is repeated when the server asks for it, and if
  // there are several servers, what one of them left unanswered (UNAVAILABLE, CANCELLED) goes to the others at once.
  bool retry = false;
};

// Takes the connections in turn: those of all servers, then again from the first. No thread waits for a single call, so
// thousands may be under way. Done runs on one of `threads` threads. REQUIRES at destruction: no request is under way.
class UnaryDriver final : public LoadDriver {
 public:
  explicit UnaryDriver(const UnaryDriverOptions& options);
  ~UnaryDriver() override;

  // Makes the connections, so that no request pays for one. Returns when each is made or has failed, or after
  // `timeout`.
  void Connect(absl::Duration timeout);

  void Send(const PreparedRequest& request, Done done) override;
  void CancelAll() override;

 private:
  class Impl;  // keeps gRPC out of this header

  const std::unique_ptr<Impl> impl_;
};

}  // namespace vitok
