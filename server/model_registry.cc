#include "server/model_registry.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "core/base/str_cat.h"
#include "server/status_details.h"

namespace vitok {
namespace {

constexpr size_t kShownNameBytes = 128;

struct NameAndVersion {
  std::string_view name;
  std::optional<int64_t> version;  // nullopt: none was asked for
};

// Names hold no ':'. A version that is no number is one that nobody has.
NameAndVersion Split(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return {text, std::nullopt};
  const std::string_view digits = text.substr(colon + 1);
  int64_t version = 0;
  const bool is_number =
      digits.find_first_not_of("0123456789") == std::string_view::npos && absl::SimpleAtoi(ToAbsl(digits), &version);
  return {text.substr(0, colon), is_number ? version : 0};
}

std::string Shown(std::string_view name) {
  return StrCat("'", name.substr(0, kShownNameBytes), name.size() > kShownNameBytes ? "...'" : "'");
}

absl::Status FailedError(const ModelRegistry::Entry& entry) {
  return absl::FailedPreconditionError(
      StrCat("model '", entry.key.ToString(), "' could not be loaded: ", std::string(entry.failure.message())));
}

}  // namespace

const ModelRegistry::Entry* ModelRegistry::FindReady(std::string_view name) const {
  if (const auto alias = aliases_.find(name); alias != aliases_.end()) {
    const Entry* const entry = FindKey(alias->second);
    return entry != nullptr && entry->state == ModelState::kReady ? entry : nullptr;
  }
  const NameAndVersion wanted = Split(name);
  const auto versions = models_.find(wanted.name);
  if (versions == models_.end()) return nullptr;
  for (auto version = versions->second.rbegin(); version != versions->second.rend(); ++version) {
    if (wanted.version.has_value() && *wanted.version != version->first) continue;
    if (version->second.state == ModelState::kReady) return &version->second;
  }
  return nullptr;
}

absl::StatusOr<std::shared_ptr<LoadedModel>> ModelRegistry::Find(std::string_view name) const {
  if (name.empty()) name = default_name_;
  absl::ReaderMutexLock lock(&mutex_);
  if (const Entry* const entry = FindReady(name)) return entry->model;
  return NotReady(name);
}

absl::Status ModelRegistry::NotReady(std::string_view name) const {
  NameAndVersion wanted = Split(name);
  if (const auto alias = aliases_.find(name); alias != aliases_.end()) {
    wanted = {alias->second.name, alias->second.version};
  }
  const Entry* failed = nullptr;
  if (const auto versions = models_.find(wanted.name); versions != models_.end()) {
    for (const auto& [version, entry] : versions->second) {
      if (wanted.version.has_value() && *wanted.version != version) continue;
      if (entry.state == ModelState::kLoading) return LoadingError(entry.key.ToString());
      if (entry.state == ModelState::kFailed) failed = &entry;
    }
  }
  if (failed != nullptr) return FailedError(*failed);
  const std::set<std::string> names = ReadyNames();
  return absl::NotFoundError(
      StrCat("no model ", Shown(name), "; loaded: ", names.empty() ? "none" : absl::StrJoin(names, ", ")));
}

std::vector<ModelRegistry::Entry> ModelRegistry::List() const {
  std::vector<Entry> entries;
  absl::ReaderMutexLock lock(&mutex_);
  const Entry* const by_default = FindReady(default_name_);
  for (const auto& [name, versions] : models_) {
    for (const auto& [version, entry] : versions) {
      entries.push_back(entry);
      entries.back().is_default = &entry == by_default;
      for (const auto& [alias, key] : aliases_) {
        if (key == entry.key) entries.back().aliases.push_back(alias);
      }
    }
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.number < b.number; });
  return entries;
}

absl::Status ModelRegistry::BeginLoad(const ModelKey& key) {
  absl::MutexLock lock(&mutex_);
  if (aliases_.count(key.name) > 0) {
    return absl::AlreadyExistsError(StrCat("'", key.name, "' is an alias; a model needs a name of its own"));
  }
  if (const Entry* const entry = FindKey(key); entry != nullptr && entry->state != ModelState::kFailed) {
    if (entry->state == ModelState::kUnloading) return UnloadingError(key.ToString());
    return absl::AlreadyExistsError(StrCat("model '", key.ToString(), "' is ",
                                           entry->state == ModelState::kReady ? "loaded" : "loading",
                                           " already; load other weights under another version"));
  }
  models_[key.name][key.version] = {.key = key, .number = ++loads_};
  TellState(key, ModelState::kLoading);
  return absl::OkStatus();
}

void ModelRegistry::FinishLoad(const ModelKey& key, std::shared_ptr<LoadedModel> loaded, int64_t weight_bytes,
                               absl::Duration load_time) {
  absl::MutexLock lock(&mutex_);
  Entry& entry = At(key);
  entry.state = ModelState::kReady;
  entry.model = std::move(loaded);
  entry.weight_bytes = weight_bytes;
  entry.load_time = load_time;
  TellState(key, ModelState::kReady);
  TellReady();
}

void ModelRegistry::FailLoad(const ModelKey& key, const absl::Status& failure) {
  absl::MutexLock lock(&mutex_);
  Entry& entry = At(key);
  entry.state = ModelState::kFailed;
  entry.failure = failure;
  TellState(key, ModelState::kFailed);
}

absl::StatusOr<std::shared_ptr<LoadedModel>> ModelRegistry::BeginUnload(const ModelKey& key) {
  absl::MutexLock lock(&mutex_);
  const Entry* const found = FindKey(key);
  if (found == nullptr || found->state == ModelState::kUnloading) {
    return absl::NotFoundError(StrCat("no model ", Shown(key.ToString()), " to unload"));
  }
  if (found->state == ModelState::kLoading) return LoadingError(key.ToString());
  for (const auto& [alias, target] : aliases_) {
    if (target == key) {
      return absl::FailedPreconditionError(
          StrCat("alias '", alias, "' leads to model '", key.ToString(), "'; move or delete the alias first"));
    }
  }
  if (found->state == ModelState::kFailed) {
    Erase(key);
    return nullptr;
  }
  if (key.name == default_name_) {
    int ready = 0;
    for (const auto& [version, entry] : models_[key.name]) ready += entry.state == ModelState::kReady ? 1 : 0;
    if (ready == 1) {
      return absl::FailedPreconditionError(
          StrCat("model '", key.ToString(), "' is the last version of the default model"));
    }
  }
  Entry& entry = At(key);
  entry.state = ModelState::kUnloading;
  std::shared_ptr<LoadedModel> handle = std::move(entry.model);
  TellState(key, ModelState::kUnloading);
  TellReady();
  return handle;
}

void ModelRegistry::FinishUnload(const ModelKey& key) {
  absl::MutexLock lock(&mutex_);
  Erase(key);
}

void ModelRegistry::DeclareAlias(const std::string& alias, const ModelKey& key) {
  absl::MutexLock lock(&mutex_);
  aliases_.emplace(alias, key);
}

absl::StatusOr<std::optional<ModelKey>> ModelRegistry::SetAlias(const std::string& alias, const ModelKey& key) {
  absl::MutexLock lock(&mutex_);
  if (models_.count(alias) > 0) {
    return absl::AlreadyExistsError(StrCat("'", alias, "' is the name of a model; an alias needs a name of its own"));
  }
  const Entry* const entry = FindKey(key);
  if (entry == nullptr || entry->state != ModelState::kReady) {
    return absl::FailedPreconditionError(StrCat("alias '", alias, "' can lead only to a READY model; ",
                                                Shown(key.ToString()), " is ",
                                                entry == nullptr ? "not loaded" : ModelStateName(entry->state)));
  }
  std::optional<ModelKey> before;
  if (const auto found = aliases_.find(alias); found != aliases_.end()) before = found->second;
  aliases_[alias] = key;
  TellReady();
  return before;
}

absl::Status ModelRegistry::DeleteAlias(const std::string& alias) {
  absl::MutexLock lock(&mutex_);
  if (alias == default_name_) {
    return absl::FailedPreconditionError(StrCat("alias '", alias, "' is the default model"));
  }
  if (aliases_.erase(alias) == 0) return absl::NotFoundError(StrCat("no alias ", Shown(alias)));
  TellReady();
  return absl::OkStatus();
}

const ModelRegistry::Entry* ModelRegistry::FindKey(const ModelKey& key) const {
  const auto versions = models_.find(key.name);
  if (versions == models_.end()) return nullptr;
  const auto entry = versions->second.find(key.version);
  return entry == versions->second.end() ? nullptr : &entry->second;
}

ModelRegistry::Entry& ModelRegistry::At(const ModelKey& key) { return models_.at(key.name).at(key.version); }

void ModelRegistry::Erase(const ModelKey& key) {
  Versions& versions = models_.at(key.name);
  versions.erase(key.version);
  if (versions.empty()) models_.erase(key.name);
  TellState(key, std::nullopt);
}

std::set<std::string> ModelRegistry::ReadyNames() const {
  std::set<std::string> names;
  for (const auto& [name, versions] : models_) {
    for (const auto& [version, entry] : versions) {
      if (entry.state == ModelState::kReady) names.insert({name, entry.key.ToString()});
    }
  }
  for (const auto& [alias, key] : aliases_) {
    if (FindReady(alias) != nullptr) names.insert(alias);
  }
  return names;
}

void ModelRegistry::TellState(const ModelKey& key, std::optional<ModelState> state) const {
  if (observer_.on_state) observer_.on_state(key, state);
}

void ModelRegistry::TellReady() const {
  if (observer_.on_ready) observer_.on_ready(ReadyNames());
}

}  // namespace vitok
