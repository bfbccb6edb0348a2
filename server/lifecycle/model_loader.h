// One model, from a folder to ready.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "server/lifecycle/device_workers.h"
#include "server/lifecycle/memory_ledger.h"
#include "server/lifecycle/model_reaper.h"
#include "server/loaded_model.h"
#include "server/server_config.h"
#include "server/server_metrics.h"

namespace vitok {

// What a model will need, from its files' headers and the tokens of a full batch.
using MemoryEstimator = std::function<absl::StatusOr<ModelMemory>(const LoadOptions&, int64_t batch_tokens)>;

// The folder or file of a model of the hub, downloaded unless it is there. Blocks, for as long as that takes.
using ModelFetcher = std::function<absl::StatusOr<std::string>(const ModelOptions&)>;

// EstimateAutoencoderMemory as one.
absl::StatusOr<ModelMemory> EstimateModelMemory(const LoadOptions& options, int64_t batch_tokens);

// Bytes that "cpu" or "cuda:N" has free now.
int64_t FreeMemory(std::string_view device);

// Fetches the model if it is one of the hub, checks that it fits into memory, checks its files' digests, loads it and
// runs its first batches on its device's worker, between those of others. Whatever goes wrong on the way, its memory is
// given back. For one thread at a time.
class ModelLoader {
 public:
  // Not owned; all outlive the loader and its models.
  struct Context {
    const ServerOptions* options = nullptr;
    DeviceWorkers* workers = nullptr;
    MemoryLedger* memory = nullptr;
    ModelReaper* reaper = nullptr;
    ServerMetrics* metrics = nullptr;
  };

  // `estimate` may be empty: then nothing is known before a model is loaded. So may `fetch`: then models of the hub
  // cannot be loaded.
  ModelLoader(const Context& context, TokenizerLoader load, MemoryEstimator estimate, ModelFetcher fetch);

  // Blocks. FAILED_PRECONDITION: the folder, its files or their digests, or the options do not fit, or the hub does
  // not give the model; RESOURCE_EXHAUSTED: not enough memory, found before any is taken or while it is, or disk for a
  // download; UNAVAILABLE: the device failed or the server drains; INTERNAL: anything else. Messages do not name the
  // model.
  absl::StatusOr<std::shared_ptr<LoadedModel>> Load(const ModelOptions& model) const;

 private:
  absl::StatusOr<std::shared_ptr<LoadedModel>> TryLoad(ModelOptions model) const;
  // What is to be done when the model is gone.
  void PrepareEnd(LoadedModel& model) const;
  absl::Status WarmUpModel(const std::shared_ptr<LoadedModel>& model) const;

  const Context context_;
  const TokenizerLoader load_;
  const MemoryEstimator estimate_;
  const ModelFetcher fetch_;
};

}  // namespace vitok
