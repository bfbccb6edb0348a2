#include "tests/fuzz/fuzz_target.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "core/base/str_cat.h"

namespace vitok {
namespace {

std::vector<FuzzTarget>& MutableTargets() {
  static auto* targets = new std::vector<FuzzTarget>;
  return *targets;
}

}  // namespace

bool RegisterFuzzTarget(FuzzTarget target) {
  std::vector<FuzzTarget>& targets = MutableTargets();
  const auto place = std::ranges::lower_bound(targets, target.name, {}, &FuzzTarget::name);
  targets.insert(place, std::move(target));
  return true;
}

const std::vector<FuzzTarget>& FuzzTargets() { return MutableTargets(); }

void Require(bool kept, std::string_view promise) {
  if (!kept) throw std::logic_error(StrCat("broken promise: ", promise));
}

void RequireRefusal(const absl::Status& status) {
  Require(status.code() == absl::StatusCode::kInvalidArgument,
          StrCat("bad input is INVALID_ARGUMENT; was ", status.ToString()));
  Require(!status.message().empty(), "an error has a message");
}

void RequireOk(const absl::Status& status, std::string_view promise) {
  Require(status.ok(), StrCat(promise, "; was ", status.ToString()));
}

std::string ReadFuzzFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(StrCat("cannot read ", path));
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<std::string> FilesOf(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code no_folder;
  for (const auto& entry : std::filesystem::directory_iterator(folder, no_folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace vitok
