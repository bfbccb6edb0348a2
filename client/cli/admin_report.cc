#include "client/cli/admin_report.h"

#include <string_view>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/cli/text_table.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

std::string StateName(v1::ModelState state) {
  constexpr std::string_view kPrefix = "MODEL_STATE_";
  const std::string name = v1::ModelState_Name(state);
  return name.size() > kPrefix.size() ? name.substr(kPrefix.size()) : "?";
}

}  // namespace

nlohmann::ordered_json ToJson(const v1::ModelStatus& model) {
  return {{"name", model.name()},
          {"version", model.version()},
          {"state", StateName(model.state())},
          {"reason", model.reason()},
          {"weight_bytes", model.weight_bytes()},
          {"load_seconds", model.load_seconds()},
          {"aliases", std::vector<std::string>(model.aliases().begin(), model.aliases().end())},
          {"is_default", model.is_default()}};
}

std::string AdminTable(const v1::ListAllModelsResponse& models) {
  std::vector<std::vector<std::string>> rows = {{" ", "model", "state", "weights", "load", "aliases", "reason"}};
  for (const v1::ModelStatus& model : models.models()) {
    rows.push_back(
        {model.is_default() ? "*" : " ", StrCat(model.name(), ":", model.version()), StateName(model.state()),
         absl::StrFormat("%.1f MB", static_cast<double>(model.weight_bytes()) / 1e6),
         absl::StrFormat("%.2f s", model.load_seconds()), absl::StrJoin(model.aliases(), ","), model.reason()});
  }
  return TextTable(rows);
}

}  // namespace vitok
