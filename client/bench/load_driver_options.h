// What all drivers are told.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/bench/bench_method.h"
#include "client/tokenizer_client.h"

namespace vitok {

struct LoadDriverOptions {
  std::vector<std::string> servers;  // REQUIRES: at least one, each as TokenizerClient::Create wants it
  int connections = 1;               // to each server; REQUIRES: positive
  int threads = 1;                   // that wait for answers; REQUIRES: positive
  BenchMethod method = BenchMethod::kEncode;
  std::optional<TlsClientOptions> tls;          // as TokenizerClient wants it
  std::string token;                            // sent with each call; empty: none
  absl::Duration deadline = absl::Seconds(60);  // of a request, retries included; REQUIRES: positive, finite
  // false: a refusal is the outcome. true: what TokenizerClient repeats is repeated when the server asks for it, and if
  // there are several servers, what one of them left unanswered (UNAVAILABLE, CANCELLED) goes to the others at once.
  bool retry = false;
};

}  // namespace vitok
