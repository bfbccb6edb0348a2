// Configuration of vitok-server: one validated struct, from a YAML file and overrides (schema, defaults and meaning of
// each field: proto/vitok/config/server_config.proto and configs/server.yaml).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/log.h"
#include "core/model/load_autoencoder.h"
#include "server/batching/token_quotas.h"
#include "server/model_key.h"
#include "server/security/authenticator.h"
#include "server/security/connection_limits.h"
#include "server/security/tls_files.h"
#include "server/tracing/tracing_options.h"

namespace vitok {

struct RequestLimits {
  int64_t max_message_bytes = int64_t{64} << 20;
  int64_t max_images_per_request = 256;
  int64_t max_image_tokens = 65536;
  int64_t max_image_pixels = int64_t{1} << 26;
  int64_t max_stream_requests = 256;
};

struct BatchingOptions {
  int64_t max_batch_tokens = 16384;
  int64_t max_batch_square_tokens = 0;  // 0: max_batch_tokens²
  int64_t max_batch_bytes = int64_t{1} << 30;
  absl::Duration max_delay = absl::Milliseconds(20);
  int64_t max_queued_requests = 1024;
  int64_t max_queued_tokens = int64_t{1} << 20;
  int64_t max_queued_bytes = int64_t{4} << 30;
  absl::Duration hang_timeout = absl::Seconds(60);
  absl::Duration warm_up = absl::Seconds(2);  // 0: none
};

struct QuotaOptions {
  std::string identity;  // "*": each that is not listed
  TokenQuotas::Quota quota;
};

struct ModelOptions {
  std::string name;
  int64_t version = 1;
  LoadOptions load;
  std::string hub;         // a model of the hub (core/weights/hub_source.h), fetched into load.folder; empty: none
  std::string preprocess;  // empty: "to_tensor|normalize(minus_one_to_one)|patchify(P, max_image_tokens)"

  ModelKey key() const { return {name, version}; }
};

struct AliasOptions {
  std::string alias;
  ModelKey model;
};

struct ServerOptions {
  std::string listen = "127.0.0.1:8500";
  std::string http_listen = "127.0.0.1:8501";  // empty: no endpoint
  absl::Duration drain_delay;                  // served after SIGTERM before new calls are refused
  absl::Duration shutdown_grace = absl::Seconds(30);
  bool reflection = true;
  TlsOptions tls;
  AuthOptions auth;
  ConnectionOptions connections;
  RequestLimits limits;
  BatchingOptions batching;
  int preprocess_threads = 0;  // 0: AvailableCpus
  int compute_threads = 0;     // 0: AvailableCpus
  LogOptions log;
  TracingOptions tracing;
  std::vector<QuotaOptions> quotas;
  std::string admin_listen;           // empty: no admin service
  int64_t memory_limit_bytes = 0;     // of the models of each device; 0: what the device has
  std::vector<ModelOptions> models;   // at least one
  std::vector<AliasOptions> aliases;  // of models
  std::string default_model;          // the name of one of models, or one of aliases
};

// Reads `path` (empty: start from nothing) and applies `overrides` ("a.b=v") in order. NOT_FOUND: no such file.
// INVALID_ARGUMENT: bad YAML, unknown field, a value of the wrong type or out of its bounds; names field, value, bound.
// `models` stand behind those of the file: see ModelFromArgument (model_config.h).
absl::StatusOr<ServerOptions> LoadServerConfig(const std::string& path, const std::vector<std::string>& overrides,
                                               const std::vector<std::string>& models = {});

// The whole configuration as YAML with every field; LoadServerConfig of it gives the same options.
std::string ServerConfigToYaml(const ServerOptions& options);

}  // namespace vitok
