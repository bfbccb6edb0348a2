#include "server/lifecycle/model_loader.h"

#include <limits>
#include <optional>
#include <utility>

#include "core/base/allocator.h"
#include "core/base/monotonic_clock.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/model/device.h"
#include "server/exceptions.h"
#include "server/lifecycle/host_memory.h"
#include "server/lifecycle/manifest.h"
#include "server/warm_up.h"
#include "spdlog/spdlog.h"

namespace vitok {
namespace {

// "cuda" is a short form of the first one.
std::string DeviceOf(const LoadOptions& options) { return options.device == "cuda" ? "cuda:0" : options.device; }

// Memory that the allocators keep for later goes back to the system.
void ReleaseUnusedMemory(const std::string& device) {
  ReleaseCachedMemory(device);
  ReturnFreeMemory();
}

// What is wrong with files is no fault of a call that names them, and not found again by asking again.
absl::Status ToLoadFailure(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kUnimplemented: return absl::FailedPreconditionError(status.message());
    default: return status;
  }
}

}  // namespace

absl::StatusOr<ModelMemory> EstimateModelMemory(const LoadOptions& options, int64_t batch_tokens) {
  VITOK_ASSIGN_OR_RETURN(const AutoencoderMemory memory, EstimateAutoencoderMemory(options, batch_tokens));
  return ModelMemory{.weights = memory.weight_bytes, .activations = memory.activation_bytes};
}

int64_t FreeMemory(std::string_view device) {
  if (device == "cpu") return FreeHostMemory();
  // A device that does not answer will not load the model either.
  const std::optional<DeviceMemory> memory = ReadDeviceMemory(device);
  if (!memory.has_value()) return std::numeric_limits<int64_t>::max();
  return memory->free + memory->reserved - memory->allocated;  // torch gives back what it only keeps
}

ModelLoader::ModelLoader(const Context& context, TokenizerLoader load, MemoryEstimator estimate, ModelFetcher fetch)
    : context_(context), load_(std::move(load)), estimate_(std::move(estimate)), fetch_(std::move(fetch)) {}

absl::StatusOr<std::shared_ptr<LoadedModel>> ModelLoader::Load(const ModelOptions& model) const {
  absl::StatusOr<std::shared_ptr<LoadedModel>> loaded = CatchExceptions("loading", [&] { return TryLoad(model); });
  if (loaded.ok()) return loaded;
  ReleaseUnusedMemory(DeviceOf(model.load));
  return ToLoadFailure(loaded.status());
}

absl::StatusOr<std::shared_ptr<LoadedModel>> ModelLoader::TryLoad(ModelOptions options) const {
  if (!options.hub.empty()) {
    if (!fetch_) return absl::FailedPreconditionError(StrCat("models of the hub cannot be fetched; was ", options.hub));
    VITOK_ASSIGN_OR_RETURN(options.load.folder, fetch_(options));
  }
  MemoryLedger::Reservation memory;
  if (estimate_) {
    VITOK_ASSIGN_OR_RETURN(const ModelMemory need, estimate_(options.load, context_.workers->budget().tokens));
    VITOK_ASSIGN_OR_RETURN(memory, context_.memory->Reserve(DeviceOf(options.load), need));
  }
  VITOK_RETURN_IF_ERROR(CheckManifest(options.load.folder));
  const absl::Time start = MonotonicNow();
  VITOK_ASSIGN_OR_RETURN(std::shared_ptr<LoadedModel> model, LoadModel(options, context_.options->limits, load_));
  const TokenizerInfo& info = model->info();
  spdlog::info("loaded model '{}': {} {} on {} in {:.2f} s", options.key().ToString(), info.variant,
               PrecisionName(info.precision), info.device, absl::ToDoubleSeconds(MonotonicNow() - start));
  model->worker = context_.workers->For(info.device);
  model->memory = std::move(memory);
  PrepareEnd(*model);
  context_.metrics->AddModel(model->key);
  VITOK_RETURN_IF_ERROR(WarmUpModel(model));
  return model;
}

void ModelLoader::PrepareEnd(LoadedModel& model) const {
  ModelReaper* const reaper = context_.reaper;
  ServerMetrics* const metrics = context_.metrics;
  metrics->AddWeights(model.worker->device(), model.weight_bytes());
  reaper->Born(model.id, [id = model.id, worker = model.worker, bytes = model.weight_bytes(), metrics] {
    metrics->AddWeights(worker->device(), -bytes);
    worker->ForgetModel(id);
    ReleaseUnusedMemory(worker->device());
  });
  model.on_gone = [reaper](uint64_t id) { reaper->Gone(id); };
}

absl::Status ModelLoader::WarmUpModel(const std::shared_ptr<LoadedModel>& model) const {
  const absl::Duration limit = context_.options->batching.warm_up;
  if (limit == absl::ZeroDuration()) return absl::OkStatus();
  const absl::Time start = MonotonicNow();
  const std::string name = model->key.ToString();
  VITOK_ASSIGN_OR_RETURN(const auto costs, WarmUp(model, context_.workers->budget(), limit));
  for (const auto& [op, cost] : costs) {
    constexpr BatchSize kImage{.tokens = 256, .square_tokens = 256 * 256};
    spdlog::info("model '{}' {}: {:.2f} ms for an image of 256 tokens", name, MethodName(op),
                 absl::ToDoubleMilliseconds(cost.Predict(kImage)));
    model->worker->SetCostModel({model->id, op}, cost);
  }
  spdlog::info("warmed model '{}' up in {:.2f} s", name, absl::ToDoubleSeconds(MonotonicNow() - start));
  return absl::OkStatus();
}

}  // namespace vitok
