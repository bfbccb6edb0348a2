// What all calls of the service share.
#pragma once

#include "server/batching/token_quotas.h"
#include "server/cpu_jobs.h"
#include "server/drain_gate.h"
#include "server/loaded_model.h"
#include "server/model_registry.h"
#include "server/security/authenticator.h"
#include "server/send_watch.h"
#include "server/server_config.h"
#include "server/server_metrics.h"
#include "server/tracing/tracer.h"

namespace vitok {

// Not owned; outlives every call.
struct ServiceContext {
  const ServerOptions* options = nullptr;
  const ModelRegistry* models = nullptr;
  const Authenticator* authenticator = nullptr;
  TokenQuotas* quotas = nullptr;
  ServerMetrics* metrics = nullptr;
  DrainGate* gate = nullptr;
  CpuJobs* jobs = nullptr;
  SendWatch* sends = nullptr;
  Tracer* tracer = nullptr;
};

}  // namespace vitok
