#include "server/lifecycle/model_manager.h"

#include <utility>

#include "absl/synchronization/notification.h"
#include "core/base/monotonic_clock.h"
#include "core/base/str_cat.h"
#include "server/status_details.h"
#include "spdlog/spdlog.h"

namespace vitok {
namespace {

// The same error with its details, named by the model.
absl::Status ForModel(const ModelKey& model, const absl::Status& status) {
  absl::Status named(status.code(), StrCat("model '", model.ToString(), "': ", std::string(status.message())));
  status.ForEachPayload(
      [&named](absl::string_view type_url, const absl::Cord& payload) { named.SetPayload(type_url, payload); });
  return named;
}

}  // namespace

ModelManager::ModelManager(ModelLoader loader, ModelRegistry* registry, ModelReaper* reaper, ServerMetrics* metrics)
    : loader_(std::move(loader)), registry_(registry), reaper_(reaper), metrics_(metrics) {}

ModelManager::~ModelManager() { Shutdown(); }

absl::Status ModelManager::LoadConfigured(const std::vector<ModelOptions>& models,
                                          const std::function<void()>& before_ready) {
  absl::Status status;
  absl::Notification done;
  ScheduleLoad([&] {
    status = LoadTogether(models, before_ready);
    done.Notify();
  });
  done.WaitForNotification();
  return status;
}

absl::Status ModelManager::LoadTogether(const std::vector<ModelOptions>& models,
                                        const std::function<void()>& before_ready) {
  struct Loaded {
    std::shared_ptr<LoadedModel> model;
    absl::Duration time;
  };
  std::vector<Loaded> all;
  for (const ModelOptions& options : models) {
    const absl::Time start = MonotonicNow();
    absl::StatusOr<std::shared_ptr<LoadedModel>> model = loader_.Load(options);
    if (!model.ok()) {
      registry_->FailLoad(options.key(), model.status());
      return ForModel(options.key(), model.status());
    }
    all.push_back({*std::move(model), MonotonicNow() - start});
  }
  if (before_ready) before_ready();
  for (Loaded& loaded : all) {
    const ModelKey key = loaded.model->key;
    const int64_t bytes = loaded.model->weight_bytes();
    metrics_->RecordModelLoad(key, loaded.time);
    registry_->FinishLoad(key, std::move(loaded.model), bytes, loaded.time);
  }
  return absl::OkStatus();
}

absl::Status ModelManager::Load(const ModelOptions& model, Done done) {
  if (absl::Status status = registry_->BeginLoad(model.key()); !status.ok()) return status;
  ScheduleLoad([this, model, ticket = Keep(std::move(done))] { RunLoad(model, ticket); });
  return absl::OkStatus();
}

void ModelManager::RunLoad(const ModelOptions& options, uint64_t ticket) {
  const ModelKey key = options.key();
  const absl::Time start = MonotonicNow();
  absl::StatusOr<std::shared_ptr<LoadedModel>> model = stopping() ? DrainingError() : loader_.Load(options);
  if (!model.ok()) {
    spdlog::error("model '{}' could not be loaded: {}", key.ToString(), std::string(model.status().message()));
    registry_->FailLoad(key, model.status());
    Answer(ticket, ForModel(key, model.status()));
    return;
  }
  const absl::Duration time = MonotonicNow() - start;
  metrics_->RecordModelLoad(key, time);
  const int64_t bytes = (*model)->weight_bytes();
  registry_->FinishLoad(key, *std::move(model), bytes, time);
  spdlog::info("model '{}' is ready after {:.2f} s", key.ToString(), absl::ToDoubleSeconds(time));
  Answer(ticket, absl::OkStatus());
}

absl::Status ModelManager::Unload(const ModelKey& key, Done done) {
  absl::StatusOr<std::shared_ptr<LoadedModel>> handle = registry_->BeginUnload(key);
  if (!handle.ok()) return handle.status();
  const uint64_t ticket = Keep(std::move(done));
  if (*handle == nullptr) {
    Answer(ticket, absl::OkStatus());
    return absl::OkStatus();
  }
  spdlog::info("unloading model '{}'", key.ToString());
  reaper_->WhenGone((*handle)->id, [this, key, ticket] {
    registry_->FinishUnload(key);
    spdlog::info("model '{}' is unloaded", key.ToString());
    Answer(ticket, absl::OkStatus());
  });
  return absl::OkStatus();  // the last handle may be ours
}

void ModelManager::Shutdown() {
  std::map<uint64_t, Done> answers;
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    answers.swap(answers_);
  }
  for (auto& [ticket, done] : answers) done(DrainingError());
}

bool ModelManager::loading() const {
  absl::MutexLock lock(&mutex_);
  return loads_ > 0;
}

bool ModelManager::stopping() const {
  absl::MutexLock lock(&mutex_);
  return stopping_;
}

void ModelManager::ScheduleLoad(absl::AnyInvocable<void()> load) {
  {
    absl::MutexLock lock(&mutex_);
    ++loads_;
  }
  thread_.Schedule([this, load = std::move(load)]() mutable {
    load();
    absl::MutexLock lock(&mutex_);
    --loads_;
  });
}

uint64_t ModelManager::Keep(Done done) {
  if (!done) return 0;
  {
    absl::MutexLock lock(&mutex_);
    if (!stopping_) {
      answers_.emplace(++tickets_, std::move(done));
      return tickets_;
    }
  }
  done(DrainingError());
  return 0;
}

void ModelManager::Answer(uint64_t ticket, const absl::Status& status) {
  Done done;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = answers_.find(ticket);
    if (found == answers_.end()) return;
    done = std::move(found->second);
    answers_.erase(found);
  }
  done(status);
}

}  // namespace vitok
