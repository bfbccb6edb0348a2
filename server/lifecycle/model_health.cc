#include "server/lifecycle/model_health.h"

namespace vitok {

void ModelHealth::Attach(grpc::HealthCheckServiceInterface* health) {
  absl::MutexLock lock(&mutex_);
  health_ = health;
  SetServer(started_);
  for (const std::string& name : known_) health_->SetServingStatus(name, ready_.count(name) > 0);
  if (stopped_) health_->Shutdown();
}

void ModelHealth::Detach() {
  absl::MutexLock lock(&mutex_);
  health_ = nullptr;
}

void ModelHealth::Announce(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  if (known_.insert(name).second && health_ != nullptr) health_->SetServingStatus(name, false);
}

void ModelHealth::SetReady(const std::set<std::string>& names) {
  absl::MutexLock lock(&mutex_);
  if (health_ != nullptr) {
    for (const std::string& name : ready_) {
      if (names.count(name) == 0) health_->SetServingStatus(name, false);
    }
    for (const std::string& name : names) {
      if (ready_.count(name) == 0) health_->SetServingStatus(name, true);
    }
  }
  ready_ = names;
  known_.insert(names.begin(), names.end());
}

void ModelHealth::Started() {
  absl::MutexLock lock(&mutex_);
  started_ = true;
  if (health_ != nullptr) SetServer(true);
}

std::string ModelHealth::WhyNotServing() const {
  absl::MutexLock lock(&mutex_);
  if (stopped_) return "draining";
  return started_ ? "" : "starting";
}

void ModelHealth::Stop() {
  absl::MutexLock lock(&mutex_);
  stopped_ = true;
  if (health_ != nullptr) health_->Shutdown();
}

void ModelHealth::SetServer(bool serving) {
  health_->SetServingStatus("", serving);
  health_->SetServingStatus(service_, serving);
}

}  // namespace vitok
