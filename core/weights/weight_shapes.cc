#include "core/weights/weight_shapes.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "core/base/str_cat.h"
#include "core/weights/safetensors_header.h"

namespace vitok {
namespace {

std::string ShapeText(const std::vector<int64_t>& shape) { return StrCat("[", absl::StrJoin(shape, ", "), "]"); }

// "N." at the front, N a decimal number.
bool StartsWithIndex(std::string_view text) {
  const size_t digits = std::find_if_not(text.begin(), text.end(), absl::ascii_isdigit) - text.begin();
  return digits > 0 && digits < text.size() && text[digits] == '.';
}

void AppendProblems(std::string_view kind, const std::vector<std::string>& names, std::vector<std::string>& problems) {
  if (!names.empty()) problems.push_back(StrCat(names.size(), " ", kind, ": ", absl::StrJoin(names, ", ")));
}

}  // namespace

std::string NormalizeWeightName(std::string_view name) {
  const std::string plain = absl::StrReplaceAll(ToAbsl(name), {{"_orig_mod.", ""}});
  for (const std::string_view half : {"encoder", "decoder"}) {
    const std::string_view rest = std::string_view(plain).substr(std::min(plain.size(), half.size() + 1));
    if (plain.starts_with(half) && plain[half.size()] == '.' && StartsWithIndex(rest)) {
      return StrCat(half, "_blocks.", rest);
    }
  }
  return plain;
}

absl::StatusOr<ShapeMap> ReadShapes(absl::Span<const SafetensorsFile* const> files) {
  ShapeMap shapes;
  std::map<std::string, const SafetensorsFile*> owners;
  for (const SafetensorsFile* file : files) {
    for (const auto& [name, view] : file->tensors()) {
      const std::string normalized = NormalizeWeightName(name);
      const auto [owner, is_new] = owners.emplace(normalized, file);
      if (!is_new) {
        return absl::InvalidArgumentError(StrCat("weight ", QuotedName(normalized), " occurs twice: in ",
                                                 owner->second->path(), " and as ", QuotedName(name), " in ",
                                                 file->path()));
      }
      shapes.emplace(normalized, view.shape);
    }
  }
  return shapes;
}

absl::Status CheckWeights(const ShapeMap& expected, const ShapeMap& actual) {
  std::vector<std::string> missing, unexpected, misshaped;
  for (const auto& [name, shape] : expected) {
    const auto found = actual.find(name);
    if (found == actual.end()) {
      missing.push_back(StrCat(name, " ", ShapeText(shape)));
    } else if (found->second != shape) {
      misshaped.push_back(StrCat(name, " (must be ", ShapeText(shape), ", was ", ShapeText(found->second), ")"));
    }
  }
  for (const auto& [name, shape] : actual) {
    if (expected.count(name) == 0) unexpected.push_back(StrCat(QuotedName(name), " ", ShapeText(shape)));
  }
  std::vector<std::string> problems;
  AppendProblems("missing", missing, problems);
  AppendProblems("unexpected", unexpected, problems);
  AppendProblems("of the wrong shape", misshaped, problems);
  if (problems.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat("weights do not fit the model: ", absl::StrJoin(problems, "; ")));
}

}  // namespace vitok
