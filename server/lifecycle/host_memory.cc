#include "server/lifecycle/host_memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string_view>

#include "core/base/str_cat.h"

namespace vitok {
namespace {

constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

std::string ReadText(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

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

// The path of this process's group: of v2 ("0::/path") or of v1's memory controller ("4:memory:/path").
std::string GroupPath(const std::string& root, std::string_view controller) {
  std::istringstream lines(ReadText(root + "/proc/self/cgroup"));
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    if (line.substr(first + 1, second - first - 1) == controller) return line.substr(second + 1);
  }
  return "/";
}

struct GroupFiles {
  std::string_view folder;      // where the groups are mounted
  std::string_view controller;  // in /proc/self/cgroup
  std::string_view limit, usage, inactive;
};
constexpr GroupFiles kGroups[] = {
    {"/sys/fs/cgroup", "", "memory.max", "memory.current", "inactive_file"},
    {"/sys/fs/cgroup/memory", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"},
};

// What the group and those around it leave. In a container the path may be one of the host, of which only the mount's
// root is seen; a folder that is not there sets no limit.
int64_t FreeInGroup(const std::string& root, const GroupFiles& files) {
  int64_t free = kUnlimited;
  std::string path = GroupPath(root, files.controller);
  while (true) {
    const std::string folder = StrCat(root, files.folder, path == "/" ? "" : path, "/");
    const std::optional<int64_t> limit = ReadNumber(StrCat(folder, files.limit));
    const std::optional<int64_t> usage = ReadNumber(StrCat(folder, files.usage));
    if (limit.has_value() && usage.has_value()) {
      const int64_t droppable = ReadEntry(StrCat(folder, "memory.stat"), files.inactive).value_or(0);
      free = std::min(free, std::max<int64_t>(0, *limit - *usage + std::min(droppable, *usage)));
    }
    if (path == "/" || path.empty()) return free;
    path.erase(std::max<size_t>(1, path.rfind('/')));
  }
}

}  // namespace

int64_t FreeHostMemory(const std::string& root) {
  int64_t free = kUnlimited;
  if (const auto kib = ReadEntry(root + "/proc/meminfo", "MemAvailable:")) free = *kib * 1024;
  for (const GroupFiles& files : kGroups) free = std::min(free, FreeInGroup(root, files));
  return free;
}

}  // namespace vitok
