#include "core/weights/model_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "absl/strings/ascii.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/weights/safetensors_header.h"

namespace vitok {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".safetensors";
constexpr size_t kMaxNameBytes = 200;
constexpr uintmax_t kMaxIndexBytes = 64 << 20;  // that of a model of 5e9 parameters has 50 KB
constexpr size_t kMaxShards = 10'000;

bool IsShardName(const std::string& name) {
  return name.size() > kSuffix.size() && name.size() <= kMaxNameBytes && name.ends_with(kSuffix) &&
         name.front() != '.' && std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
         });
}

absl::Status NoIndex(std::string_view problem) {
  return absl::InvalidArgumentError(StrCat("an index must be a JSON object with weight_map, from weights to names of ",
                                           kSuffix, " files of its folder; ", problem));
}

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

absl::StatusOr<std::vector<std::string>> FindShards(const fs::path& folder) {
  VITOK_ASSIGN_OR_RETURN(const std::vector<std::string> names, ReadShardIndex((folder / kIndexFile).string()));
  std::vector<std::string> files;
  for (const std::string& name : names) {
    files.push_back((folder / name).string());
    if (Exists(files.back())) continue;
    return absl::NotFoundError(StrCat((folder / kIndexFile).string(), " names ", name, ", which is not there"));
  }
  return files;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> FindModelFiles(const std::string& path, WantedHalves wanted) {
  std::error_code error;
  if (fs::is_regular_file(path, error)) return std::vector<std::string>{path};
  if (!fs::is_directory(path, error)) return absl::NotFoundError(StrCat("model folder '", path, "' does not exist"));
  const fs::path folder = path;
  std::vector<std::string> files;
  if (wanted.encoder && Exists(folder / kEncoderFile)) files.push_back((folder / kEncoderFile).string());
  if (wanted.decoder && Exists(folder / kDecoderFile)) files.push_back((folder / kDecoderFile).string());
  if (!files.empty()) return files;
  if (Exists(folder / kMergedFile)) return std::vector<std::string>{(folder / kMergedFile).string()};
  if (Exists(folder / kIndexFile)) return FindShards(folder);
  return absl::NotFoundError(StrCat("model folder '", path, "' holds none of the wanted files: ", kEncoderFile, ", ",
                                    kDecoderFile, ", ", kMergedFile, ", ", kIndexFile));
}

absl::StatusOr<std::vector<std::string>> ParseShardIndex(std::string_view json) {
  const nlohmann::json index = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!index.is_object()) return NoIndex("is no JSON object");
  const auto map = index.find("weight_map");
  if (map == index.end() || !map->is_object() || map->empty()) return NoIndex("has none, or an empty one");
  std::set<std::string> names;
  for (const auto& [weight, file] : map->items()) {
    if (!file.is_string() || !IsShardName(file.get_ref<const std::string&>())) {
      return NoIndex(StrCat("weight ", QuotedName(weight), " has another value"));
    }
    names.insert(file.get<std::string>());
    if (names.size() > kMaxShards) return NoIndex(StrCat("names more than ", kMaxShards, " files"));
  }
  return std::vector<std::string>(names.begin(), names.end());
}

absl::StatusOr<std::vector<std::string>> ReadShardIndex(const std::string& path) {
  std::error_code error;
  const uintmax_t bytes = fs::file_size(path, error);
  if (error) return absl::NotFoundError(StrCat(path, ": ", error.message()));
  if (bytes > kMaxIndexBytes) {
    return absl::InvalidArgumentError(StrCat(path, ": must not exceed ", kMaxIndexBytes, " bytes; has ", bytes));
  }
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  absl::StatusOr<std::vector<std::string>> names = ParseShardIndex(text.str());
  if (names.ok()) return names;
  return absl::Status(names.status().code(), StrCat(path, ": ", names.status().message()));
}

}  // namespace vitok
