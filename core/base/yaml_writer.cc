#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "core/base/str_cat.h"
#include "core/base/yaml_config.h"
#include "core/base/yaml_scalar.h"

namespace vitok {
namespace {

using nlohmann::ordered_json;

// Strings that are safe without quotes: words and paths that the core schema does not take for something else.
bool IsPlain(const std::string& text) {
  const auto is_safe = [](char c) { return absl::ascii_isalnum(c) || c == '_' || c == '/' || c == '.' || c == '-'; };
  if (text.empty() || text.front() == '-' || !std::all_of(text.begin(), text.end(), is_safe)) return false;
  const absl::StatusOr<nlohmann::json> resolved = ResolvePlainScalar(text);
  return resolved.ok() && resolved->is_string();
}

std::string ScalarText(const ordered_json& value) {
  if (value.is_string() && IsPlain(value.get_ref<const std::string&>())) return value.get<std::string>();
  // A JSON string is a double-quoted YAML scalar; JSON's numbers, true, false, null, {} and [] are YAML's too.
  return value.dump(-1, ' ', /*ensure_ascii=*/false, ordered_json::error_handler_t::replace);
}

bool IsBlock(const ordered_json& value) { return value.is_structured() && !value.empty(); }

// Writes `value` in lines indented by `indent`. The first line's indentation is already there when `in_line`.
void Write(const ordered_json& value, int indent, bool in_line, std::string& yaml) {
  const auto begin_line = [&] {
    if (!in_line) yaml.append(indent, ' ');
    in_line = false;
  };
  if (value.is_object()) {
    for (const auto& [key, member] : value.items()) {
      begin_line();
      yaml += ScalarText(key) + ":";
      if (IsBlock(member)) {
        yaml += "\n";
        Write(member, indent + 2, false, yaml);
      } else {
        yaml += StrCat(" ", ScalarText(member), "\n");
      }
    }
    return;
  }
  for (const ordered_json& item : value) {
    begin_line();
    yaml += "- ";
    if (IsBlock(item)) {
      Write(item, indent + 2, true, yaml);
    } else {
      yaml += ScalarText(item) + "\n";
    }
  }
}

}  // namespace

std::string ToYaml(const ordered_json& config) {
  if (!IsBlock(config)) return ScalarText(config) + "\n";
  std::string yaml;
  Write(config, 0, false, yaml);
  return yaml;
}

}  // namespace vitok
