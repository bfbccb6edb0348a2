#include "core/base/control_groups.h"

#include <algorithm>
#include <fstream>

#include "absl/strings/str_split.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

// From lines "hierarchy:controllers:path": "0::/pod/container", "4:cpu,cpuacct:/docker/1".
std::string GroupPath(const std::string& root, std::string_view controller) {
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    const std::vector<std::string> controllers = absl::StrSplit(parts[1], ',');
    if (std::find(controllers.begin(), controllers.end(), controller) != controllers.end()) return parts[2];
  }
  return "/";
}

}  // namespace

std::vector<std::string> ControlGroupFolders(const std::string& root, std::string_view controller) {
  const std::string mount = StrCat(root, "/sys/fs/cgroup", controller.empty() ? "" : "/", controller);
  std::vector<std::string> folders;
  for (std::string path = GroupPath(root, controller); path != "/" && !path.empty(); path.erase(path.rfind('/'))) {
    folders.push_back(mount + path);
  }
  folders.push_back(mount);
  return folders;
}

}  // namespace vitok
