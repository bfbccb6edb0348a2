#include "core/base/yaml_config.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/base/utf8.h"
#include "core/base/yaml_reader.h"

namespace vitok {
namespace {

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return absl::InvalidArgumentError(StrCat(path, ": is a folder, not a file"));
  }
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return absl::ErrnoToStatus(errno, StrCat(path, ": cannot open"));
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

// The member of `parent` that `key` names; a mapping and its absent member are created.
absl::StatusOr<nlohmann::json*> Step(nlohmann::json* parent, const std::string& key) {
  if (parent->is_null()) *parent = nlohmann::json::object();
  if (parent->is_object()) return &(*parent)[key];
  if (!parent->is_array())
    return absl::InvalidArgumentError(StrCat("'", key, "' lies below a value that is no mapping"));
  size_t index = 0;
  if (!absl::SimpleAtoi(key, &index) || index >= parent->size()) {
    return absl::InvalidArgumentError(
        StrCat("'", key, "' must be an index into a list of ", parent->size(), " values"));
  }
  return &(*parent)[index];
}

}  // namespace

absl::StatusOr<nlohmann::json> ReadYamlFile(const std::string& path) {
  VITOK_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  absl::StatusOr<nlohmann::json> config = ParseYaml(text);
  if (!config.ok()) return absl::InvalidArgumentError(StrCat(path, ":", std::string(config.status().message())));
  if (!config->is_object()) {
    return absl::InvalidArgumentError(StrCat(path, ": must hold a mapping at the top; was ", config->type_name()));
  }
  return config;
}

absl::Status ApplyOverride(std::string_view override_text, nlohmann::json& config) {
  const auto error = [override_text](std::string_view reason) {
    return absl::InvalidArgumentError(StrCat("override '", override_text, "': ", reason));
  };
  // Before it gets into a message.
  if (!IsUtf8(override_text)) {
    return absl::InvalidArgumentError(
        StrCat("override '", absl::CHexEscape(ToAbsl(override_text)), "': must be UTF-8"));
  }
  const size_t equals = override_text.find('=');
  if (equals == std::string_view::npos) return error("must have the form path=value");
  const std::vector<std::string> keys = absl::StrSplit(ToAbsl(override_text.substr(0, equals)), '.');
  for (const std::string& key : keys) {
    if (key.empty()) return error("its path holds an empty key");
  }
  if (keys.size() > kMaxYamlDepth) {
    return error(StrCat("its path must not exceed ", kMaxYamlDepth, " keys; has ", keys.size()));
  }
  const std::string value_text(override_text.substr(equals + 1));
  nlohmann::json value = "";
  if (!value_text.empty()) {
    absl::StatusOr<nlohmann::json> parsed = ParseYamlFlow(value_text);
    if (!parsed.ok()) return error(StrCat("value ", parsed.status().message()));
    value = *std::move(parsed);
  }
  nlohmann::json* target = &config;
  for (const std::string& key : keys) {
    absl::StatusOr<nlohmann::json*> next = Step(target, key);
    if (!next.ok()) return error(StrCat(next.status().message()));
    target = *next;
  }
  *target = std::move(value);
  return absl::OkStatus();
}

}  // namespace vitok
