// The control groups (cgroups) around this process: what limits it in a container.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vitok {

// The folders of this process's group and of all around it, innermost first, the root of the mount last. `controller`:
// "" for version 2, "cpu", "memory" … for version 1. In a container the path may be one of the host, of which only the
// mount's root is seen: a folder that is not there sets no limit. `root` is put before the paths below /proc and /sys,
// for tests.
std::vector<std::string> ControlGroupFolders(const std::string& root, std::string_view controller);

}  // namespace vitok
