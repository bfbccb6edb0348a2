// The models of a server, by name.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/loaded_model.h"

namespace vitok {

// Immutable: thread-safe. A handle keeps its model alive for as long as a request needs it.
class ModelRegistry {
 public:
  // REQUIRES: names are unique and default_name is one of them (server_config checks both).
  ModelRegistry(std::vector<std::shared_ptr<LoadedModel>> models, std::string default_name);

  // The default model for "". NOT_FOUND names the model and lists the loaded ones.
  absl::StatusOr<std::shared_ptr<LoadedModel>> Find(std::string_view name) const;

  // In the order of the configuration.
  const std::vector<std::shared_ptr<LoadedModel>>& models() const { return models_; }
  const std::string& default_name() const { return default_name_; }

 private:
  const std::vector<std::shared_ptr<LoadedModel>> models_;
  const std::string default_name_;
};

}  // namespace vitok
