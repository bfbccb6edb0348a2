#include "server/model_config.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "core/base/precision.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/weights/hub_source.h"
#include "server/config_check.h"

namespace vitok {
namespace {

constexpr int64_t kMaxInt = std::numeric_limits<int32_t>::max();
constexpr size_t kMaxModelNameBytes = 128;

struct HalvesRow {
  LoadOptions::Halves halves;
  std::string_view name;
};
constexpr HalvesRow kHalves[] = {{LoadOptions::Halves::kAvailable, "available"},
                                 {LoadOptions::Halves::kBoth, "both"},
                                 {LoadOptions::Halves::kEncoder, "encoder"},
                                 {LoadOptions::Halves::kDecoder, "decoder"}};

bool IsDevice(std::string_view device) {
  if (device == "cpu" || device == "cuda") return true;
  constexpr std::string_view kPrefix = "cuda:";
  if (device.substr(0, kPrefix.size()) != kPrefix) return false;
  const std::string_view index = device.substr(kPrefix.size());
  return !index.empty() && index.size() <= 3 && index.find_first_not_of("0123456789") == std::string_view::npos;
}

// Where the weights come from. Asks nobody whether they are there.
absl::Status ReadSource(const std::string& field, const config::Model& proto, ModelOptions& model) {
  model.load.folder = proto.folder();
  model.hub = proto.hub();
  if (model.load.folder.empty() && model.hub.empty()) {
    return BadValue(StrCat(field, ".folder"), "the path of a model folder, unless .hub names a model of the hub",
                    "empty");
  }
  if (model.hub.empty()) return absl::OkStatus();
  if (!model.load.folder.empty()) {
    return BadValue(StrCat(field, ".hub"), "empty when .folder is set", StrCat("'", model.hub, "'"));
  }
  const absl::Status status = ParseHubSource(model.hub).status();
  if (status.ok()) return status;
  return absl::InvalidArgumentError(StrCat(field, ".hub: ", status.message()));
}

absl::Status ReadAlias(const std::string& field, const config::Alias& proto, ServerOptions& options) {
  AliasOptions alias{.alias = proto.alias(), .model = {.name = proto.model()}};
  VITOK_RETURN_IF_ERROR(CheckModelName(StrCat(field, ".alias"), alias.alias));
  if (proto.has_version()) alias.model.version = proto.version();
  bool leads_to_a_model = false;
  for (const ModelOptions& model : options.models) {
    if (model.name == alias.alias) {
      return BadValue(StrCat(field, ".alias"), "a name that no model has", StrCat("'", alias.alias, "'"));
    }
    leads_to_a_model |= model.key() == alias.model;
  }
  for (const AliasOptions& other : options.aliases) {
    if (other.alias == alias.alias) {
      return BadValue(StrCat(field, ".alias"), "unique", StrCat("'", alias.alias, "' again"));
    }
  }
  if (!leads_to_a_model) {
    return BadValue(StrCat(field, ".model"), "the name and version of one of models",
                    StrCat("'", alias.model.ToString(), "'"));
  }
  options.aliases.push_back(std::move(alias));
  return absl::OkStatus();
}

nlohmann::ordered_json ModelToJson(const ModelOptions& model) {
  nlohmann::ordered_json json = {
      {"name", model.name},
      {"version", model.version},
      {"folder", model.load.folder},
      {"hub", model.hub},
      {"variant", model.load.variant},
      {"dtype", PrecisionName(model.load.precision)},
      {"device", model.load.device},
  };
  for (const HalvesRow& row : kHalves) {
    if (row.halves == model.load.halves) json["halves"] = row.name;
  }
  json["sliding_window"] = model.load.sliding_window.value_or(0);
  json["attend_padding_to"] = model.load.attend_padding_to.value_or(0);
  json["preprocess"] = model.preprocess;
  return json;
}

}  // namespace

absl::Status CheckModelName(std::string_view field, std::string_view name) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";
  if (!name.empty() && name.size() <= kMaxModelNameBytes &&
      name.find_first_not_of(kAllowed) == std::string_view::npos) {
    return absl::OkStatus();
  }
  return BadValue(field, StrCat("1 to ", kMaxModelNameBytes, " letters, digits, '.', '_', '-', '/'"),
                  StrCat("'", name.substr(0, kMaxModelNameBytes), "'"));
}

absl::StatusOr<nlohmann::json> ModelFromArgument(const std::string& text) {
  const absl::StatusOr<HubSource> source = ParseHubSource(text);
  std::error_code error;
  if ((!source.ok() || source->published_name.empty()) && std::filesystem::exists(text, error)) {
    const std::filesystem::path path = std::filesystem::path(text + "/").parent_path().lexically_normal();
    return nlohmann::json{{"name", path.filename().string()}, {"folder", text}};
  }
  if (!source.ok()) {
    return absl::Status(source.status().code(),
                        StrCat("--model '", text, "': no such folder, and ", source.status().message()));
  }
  return nlohmann::json{{"name", text.substr(0, text.find('@'))}, {"hub", text}};
}

absl::StatusOr<ModelOptions> ReadModel(const std::string& field, const config::Model& proto) {
  ModelOptions model;
  model.name = proto.name();
  VITOK_RETURN_IF_ERROR(CheckModelName(StrCat(field, ".name"), model.name));
  if (proto.has_version()) model.version = proto.version();
  VITOK_RETURN_IF_ERROR(CheckRange(StrCat(field, ".version"), model.version, 1, kMaxInt));
  VITOK_RETURN_IF_ERROR(ReadSource(field, proto, model));
  model.load.variant = proto.variant();
  if (proto.has_dtype()) {
    const std::optional<Precision> precision = ParsePrecision(proto.dtype());
    if (!precision.has_value()) {
      return BadValue(StrCat(field, ".dtype"), "'float32', 'bfloat16' or 'fp8'", StrCat("'", proto.dtype(), "'"));
    }
    model.load.precision = *precision;
  }
  if (proto.has_device()) model.load.device = proto.device();
  if (!IsDevice(model.load.device)) {
    return BadValue(StrCat(field, ".device"), "'cpu', 'cuda' or 'cuda:N'", StrCat("'", model.load.device, "'"));
  }
  if (proto.has_halves()) {
    bool known = false;
    for (const HalvesRow& row : kHalves) {
      if (proto.halves() == row.name) model.load.halves = row.halves, known = true;
    }
    if (!known) {
      return BadValue(StrCat(field, ".halves"), "'available', 'both', 'encoder' or 'decoder'",
                      StrCat("'", proto.halves(), "'"));
    }
  }
  if (proto.sliding_window() > 0) model.load.sliding_window = proto.sliding_window();
  VITOK_RETURN_IF_ERROR(CheckRange(StrCat(field, ".attend_padding_to"), proto.attend_padding_to(), 0, kMaxInt));
  if (proto.attend_padding_to() > 0) model.load.attend_padding_to = proto.attend_padding_to();
  model.preprocess = proto.preprocess();
  return model;
}

absl::Status ReadModels(const config::ServerConfig& proto, ServerOptions& options) {
  if (proto.models().empty()) return absl::InvalidArgumentError("models must list at least one model; was empty");
  std::set<std::string> names;
  for (int i = 0; i < proto.models_size(); ++i) {
    const std::string field = StrCat("models[", i, "]");
    VITOK_ASSIGN_OR_RETURN(ModelOptions model, ReadModel(field, proto.models(i)));
    for (size_t earlier = 0; earlier < options.models.size(); ++earlier) {
      if (options.models[earlier].key() == model.key()) {
        return absl::InvalidArgumentError(StrCat(field, ".name and version must be unique; '", model.key().ToString(),
                                                 "' is models[", earlier, "] too"));
      }
    }
    names.insert(model.name);
    options.models.push_back(std::move(model));
  }
  for (int i = 0; i < proto.aliases_size(); ++i) {
    VITOK_RETURN_IF_ERROR(ReadAlias(StrCat("aliases[", i, "]"), proto.aliases(i), options));
    names.insert(options.aliases.back().alias);
  }
  options.default_model = proto.default_model().empty() ? options.models.front().name : proto.default_model();
  if (names.count(options.default_model) > 0) return absl::OkStatus();
  return BadValue("default_model", StrCat("one of ", absl::StrJoin(names, ", ")),
                  StrCat("'", options.default_model, "'"));
}

void WriteModels(const ServerOptions& options, nlohmann::ordered_json& json) {
  json["models"] = nlohmann::ordered_json::array();
  for (const ModelOptions& model : options.models) json["models"].push_back(ModelToJson(model));
  json["aliases"] = nlohmann::ordered_json::array();
  for (const AliasOptions& alias : options.aliases) {
    json["aliases"].push_back({{"alias", alias.alias}, {"model", alias.model.name}, {"version", alias.model.version}});
  }
  json["default_model"] = options.default_model;
}

}  // namespace vitok
