// The models of a server by name, version and alias. Free of torch.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/lifecycle/model_state.h"
#include "server/model_key.h"

namespace vitok {

struct LoadedModel;

// What calls ask for is "name" (its highest READY version), "name:version", an alias (leads to exactly one
// name:version) or "" (the default, itself a name or an alias). Names and aliases are one namespace.
//
// Models go through the states of ModelState; who loads and unloads them tells the registry by BeginLoad, FinishLoad,
// FailLoad, BeginUnload and FinishUnload. Each call is one atomic step: a call finds the model before it or after it. A
// handle keeps its model alive for as long as a request needs it. Thread-safe; Find costs two look-ups in small maps.
class ModelRegistry {
 public:
  // Told of every change, in order. Must not block or call the registry.
  struct Observer {
    std::function<void(const ModelKey&, std::optional<ModelState>)> on_state;  // nullopt: gone
    // What Find finds now: "name", "name:version" and aliases of READY models.
    std::function<void(const std::set<std::string>& ready_names)> on_ready;
  };

  struct Entry {
    ModelKey key;
    ModelState state = ModelState::kLoading;
    absl::Status failure;                // of a FAILED one
    std::shared_ptr<LoadedModel> model;  // of a READY one
    int64_t weight_bytes = 0;            // of a READY or UNLOADING one
    absl::Duration load_time;            // the same
    std::vector<std::string> aliases;    // that lead to it, in order; filled in by List
    bool is_default = false;             // Find("") leads to it; filled in by List
    uint64_t number = 0;                 // of the load, in order
  };

  explicit ModelRegistry(std::string default_name, Observer observer = {})
      : default_name_(std::move(default_name)), observer_(std::move(observer)) {}

  // NOT_FOUND: nothing of this name; lists what is loaded. UNAVAILABLE with RetryInfo and ErrorInfo LOADING: it is
  // loading. FAILED_PRECONDITION: it could not be loaded; says why.
  absl::StatusOr<std::shared_ptr<LoadedModel>> Find(std::string_view name) const;

  // Everything there is, in the order of BeginLoad.
  std::vector<Entry> List() const;

  // From here on the model is LOADING. ALREADY_EXISTS: it is READY or LOADING, or its name is an alias. UNAVAILABLE
  // with RetryInfo: it is UNLOADING.
  absl::Status BeginLoad(const ModelKey& key);
  // LOADING to READY. REQUIRES: BeginLoad, and `loaded` is not null.
  void FinishLoad(const ModelKey& key, std::shared_ptr<LoadedModel> loaded, int64_t weight_bytes,
                  absl::Duration load_time);
  // LOADING to FAILED. REQUIRES: BeginLoad, and `failure` is an error.
  void FailLoad(const ModelKey& key, const absl::Status& failure);

  // READY to UNLOADING: returns the registry's handle. A FAILED one is gone at once: nullptr. NOT_FOUND: there is no
  // such model. UNAVAILABLE (LOADING): it is loading. FAILED_PRECONDITION: an alias leads to it, or it is the last
  // READY version of the default model.
  absl::StatusOr<std::shared_ptr<LoadedModel>> BeginUnload(const ModelKey& key);
  // UNLOADING to gone. REQUIRES: BeginUnload has returned a handle.
  void FinishUnload(const ModelKey& key);

  // An alias of the configuration, which may lead to a model that is LOADING. REQUIRES: key is LOADING; the name is
  // new.
  void DeclareAlias(const std::string& alias, const ModelKey& key);
  // Makes or moves an alias; returns where it led before. FAILED_PRECONDITION: the model is not READY. ALREADY_EXISTS:
  // a model has this name.
  absl::StatusOr<std::optional<ModelKey>> SetAlias(const std::string& alias, const ModelKey& key);
  // NOT_FOUND: no such alias. FAILED_PRECONDITION: it is the default.
  absl::Status DeleteAlias(const std::string& alias);

  const std::string& default_name() const { return default_name_; }

 private:
  using Versions = std::map<int64_t, Entry>;

  const Entry* FindReady(std::string_view name) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  const Entry* FindKey(const ModelKey& key) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  Entry& At(const ModelKey& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Erase(const ModelKey& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Why Find found nothing.
  absl::Status NotReady(std::string_view name) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  std::set<std::string> ReadyNames() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void TellState(const ModelKey& key, std::optional<ModelState> state) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void TellReady() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const std::string default_name_;
  const Observer observer_;
  mutable absl::Mutex mutex_;
  std::map<std::string, Versions, std::less<>> models_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, ModelKey, std::less<>> aliases_ ABSL_GUARDED_BY(mutex_);
  uint64_t loads_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace vitok
