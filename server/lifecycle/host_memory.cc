#include "server/lifecycle/host_memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <string_view>

#include "core/base/control_groups.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

// The first number of a file; nullopt without one ("max").
std::optional<int64_t> ReadNumber(const std::string& path) {
  std::ifstream file(path);
  int64_t number = 0;
  return file >> number ? std::optional(number) : std::nullopt;
}

// The number behind `name` in a file of lines "name number".
std::optional<int64_t> ReadEntry(const std::string& path, std::string_view name) {
  std::ifstream file(path);
  for (std::string word; file >> word;) {
    int64_t number = 0;
    if (word == name && file >> number) return number;
  }
  return std::nullopt;
}

struct GroupFiles {
  std::string_view controller;
  std::string_view limit, usage, inactive;
};
constexpr GroupFiles kGroups[] = {
    {"", "memory.max", "memory.current", "inactive_file"},
    {"memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"},
};

// What the group and those around it leave.
int64_t FreeInGroup(const std::string& root, const GroupFiles& files) {
  int64_t free = kUnlimited;
  for (const std::string& folder : ControlGroupFolders(root, files.controller)) {
    const std::optional<int64_t> limit = ReadNumber(StrCat(folder, "/", files.limit));
    const std::optional<int64_t> usage = ReadNumber(StrCat(folder, "/", files.usage));
    if (limit.has_value() && usage.has_value()) {
      const int64_t droppable = ReadEntry(folder + "/memory.stat", files.inactive).value_or(0);
      free = std::min(free, std::max<int64_t>(0, *limit - *usage + std::min(droppable, *usage)));
    }
  }
  return free;
}

}  // namespace

int64_t FreeHostMemory(const std::string& root) {
  int64_t free = kUnlimited;
  if (const auto kib = ReadEntry(root + "/proc/meminfo", "MemAvailable:")) free = *kib * 1024;
  for (const GroupFiles& files : kGroups) free = std::min(free, FreeInGroup(root, files));
  return free;
}

}  // namespace vitok
