// Loads and unloads the models of a server while it serves.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "core/base/thread_pool.h"
#include "server/lifecycle/model_loader.h"
#include "server/lifecycle/model_reaper.h"
#include "server/model_registry.h"
#include "server/server_config.h"
#include "server/server_metrics.h"

namespace vitok {

// One load at a time, on a thread of its own, so that two never count on the same free memory. Unloading waits for
// requests only, on no thread. Thread-safe; the destructor waits for a load that runs.
class ModelManager {
 public:
  // Called exactly once, on any thread: what became of it, or DRAINING.
  using Done = absl::AnyInvocable<void(const absl::Status&)>;

  // Not owned; they outlive this.
  ModelManager(ModelLoader loader, ModelRegistry* registry, ModelReaper* reaper, ServerMetrics* metrics);
  ~ModelManager();
  ModelManager(const ModelManager&) = delete;
  ModelManager& operator=(const ModelManager&) = delete;

  // The models become READY together once all are loaded, so that a server which will not start never serves; the first
  // error is returned and names its model. `before_ready` (may be empty) is called before they do. Blocks. REQUIRES:
  // the registry has each as LOADING.
  absl::Status LoadConfigured(const std::vector<ModelOptions>& models, const std::function<void()>& before_ready);

  // The model is LOADING when this returns OK, and then `done` will be called, when it is READY or FAILED. Otherwise
  // the error of ModelRegistry::BeginLoad. `done` may be empty.
  absl::Status Load(const ModelOptions& model, Done done);

  // The same for ModelRegistry::BeginUnload; `done` is called when the model's memory is free.
  absl::Status Unload(const ModelKey& model, Done done);

  // Calls every `done` that is still to come with DRAINING. A load that runs goes on for nothing.
  void Shutdown();

  // A load runs or waits: this object's end would wait for it.
  bool loading() const;

 private:
  bool stopping() const;
  // A number by which `done` is answered; 0: nobody waits. After Shutdown it is answered at once.
  uint64_t Keep(Done done);
  void Answer(uint64_t ticket, const absl::Status& status);
  void RunLoad(const ModelOptions& model, uint64_t ticket);
  absl::Status LoadTogether(const std::vector<ModelOptions>& models, const std::function<void()>& before_ready);
  void ScheduleLoad(absl::AnyInvocable<void()> load);

  const ModelLoader loader_;
  ModelRegistry* const registry_;
  ModelReaper* const reaper_;
  ServerMetrics* const metrics_;
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int loads_ ABSL_GUARDED_BY(mutex_) = 0;  // that run or wait
  std::map<uint64_t, Done> answers_ ABSL_GUARDED_BY(mutex_);
  uint64_t tickets_ ABSL_GUARDED_BY(mutex_) = 0;
  ThreadPool thread_{"vitok-load", 1};  // last: its jobs use all of the above
};

}  // namespace vitok
