#include "server/model_registry.h"

#include <utility>

#include "absl/strings/str_join.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

constexpr size_t kShownNameBytes = 128;

}  // namespace

ModelRegistry::ModelRegistry(std::vector<std::shared_ptr<LoadedModel>> models, std::string default_name)
    : models_(std::move(models)), default_name_(std::move(default_name)) {}

absl::StatusOr<std::shared_ptr<LoadedModel>> ModelRegistry::Find(std::string_view name) const {
  const std::string_view wanted = name.empty() ? std::string_view(default_name_) : name;
  for (const std::shared_ptr<LoadedModel>& model : models_) {
    if (model->key.name == wanted) return model;
  }
  const auto append_name = [](std::string* out, const std::shared_ptr<LoadedModel>& model) {
    out->append(model->key.name);
  };
  return absl::NotFoundError(StrCat("no model '", wanted.substr(0, kShownNameBytes),
                                    wanted.size() > kShownNameBytes ? "...'" : "'",
                                    "; loaded: ", absl::StrJoin(models_, ", ", append_name)));
}

}  // namespace vitok
