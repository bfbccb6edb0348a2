#include "core/base/yaml_reader.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <sstream>
#include <string>
#include <utility>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/base/utf8.h"
#include "core/base/yaml_scalar.h"

namespace vitok {
namespace {

absl::Status ErrorAt(const YAML::Mark& mark, std::string_view reason) {
  return absl::InvalidArgumentError(StrCat(mark.line + 1, ":", mark.column + 1, ": ", reason));
}

// Walks the parsed document. An alias is the same node met again, so a small text can be a huge tree, or an endless
// one.
class Converter {
 public:
  absl::StatusOr<nlohmann::json> Convert(const YAML::Node& node, int depth) {
    if (depth > kMaxYamlDepth) {
      return ErrorAt(node.Mark(), StrCat("nesting must not exceed ", kMaxYamlDepth, " levels"));
    }
    if (++nodes_ > kMaxYamlNodes) {
      return ErrorAt(node.Mark(), StrCat("document must not exceed ", kMaxYamlNodes, " values, aliases expanded"));
    }
    switch (node.Type()) {
      case YAML::NodeType::Scalar: return ConvertScalar(node);
      case YAML::NodeType::Sequence: return ConvertSequence(node, depth);
      case YAML::NodeType::Map: return ConvertMap(node, depth);
      default: return nlohmann::json(nullptr);
    }
  }

 private:
  static absl::StatusOr<nlohmann::json> ConvertScalar(const YAML::Node& node) {
    if (!IsUtf8(node.Scalar())) return ErrorAt(node.Mark(), "value must be UTF-8");
    // yaml-cpp marks quoted scalars with the tag "!" and plain ones with "?".
    if (node.Tag() == "!" || node.Tag() == "tag:yaml.org,2002:str") return nlohmann::json(node.Scalar());
    if (node.Tag() != "?" && !node.Tag().empty()) {
      return ErrorAt(node.Mark(), StrCat("tag '", node.Tag(), "' is not supported"));
    }
    absl::StatusOr<nlohmann::json> value = ResolvePlainScalar(node.Scalar());
    if (!value.ok()) return ErrorAt(node.Mark(), StrCat(value.status().message()));
    return value;
  }

  absl::StatusOr<nlohmann::json> ConvertSequence(const YAML::Node& node, int depth) {
    nlohmann::json list = nlohmann::json::array();
    for (const YAML::Node& item : node) {
      VITOK_ASSIGN_OR_RETURN(nlohmann::json value, Convert(item, depth + 1));
      list.push_back(std::move(value));
    }
    return list;
  }

  absl::StatusOr<nlohmann::json> ConvertMap(const YAML::Node& node, int depth) {
    nlohmann::json map = nlohmann::json::object();
    for (const auto& item : node) {
      if (!item.first.IsScalar()) return ErrorAt(item.first.Mark(), "key must be a scalar");
      const std::string& key = item.first.Scalar();
      if (!IsUtf8(key)) return ErrorAt(item.first.Mark(), "key must be UTF-8");
      if (map.contains(key)) return ErrorAt(item.first.Mark(), StrCat("key '", key, "' occurs twice"));
      VITOK_ASSIGN_OR_RETURN(map[key], Convert(item.second, depth + 1));
    }
    return map;
  }

  int nodes_ = 0;
};

// Takes note of where a document begins and of nothing else.
class DocumentMark : public YAML::EventHandler {
 public:
  const YAML::Mark& mark() const { return mark_; }

  void OnDocumentStart(const YAML::Mark& mark) override { mark_ = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  YAML::Mark mark_;
};

absl::StatusOr<YAML::Node> Load(const std::string& text) {
  try {
    // Not LoadAll: yaml-cpp gives a text that begins with ',' or ']' as documents without end.
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    DocumentMark document;
    if (!parser.HandleNextDocument(document)) return YAML::Node();
    if (!parser.HandleNextDocument(document)) return YAML::Load(text);
    return ErrorAt(document.mark(), "must hold one YAML document; another begins here");
  } catch (const YAML::Exception& error) {
    return ErrorAt(error.mark, error.msg);
  }
}

}  // namespace

absl::StatusOr<nlohmann::json> ParseYaml(const std::string& text) {
  VITOK_ASSIGN_OR_RETURN(const YAML::Node document, Load(text));
  return Converter().Convert(document, 0);
}

absl::StatusOr<nlohmann::json> ParseYamlFlow(const std::string& text) {
  VITOK_ASSIGN_OR_RETURN(const YAML::Node document, Load(text));
  if ((document.IsMap() || document.IsSequence()) && document.Style() != YAML::EmitterStyle::Flow) {
    return ErrorAt(document.Mark(), "must be a scalar, a [list] or a {mapping}");
  }
  return Converter().Convert(document, 0);
}

}  // namespace vitok
