#include "core/base/cpu_count.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace vitok {
namespace {

using Path = std::filesystem::path;

constexpr double kNoQuota = std::numeric_limits<double>::infinity();

double ReadNumber(const Path& file) {
  double number = 0;
  std::ifstream(file) >> number;
  return number;
}

// Of one group, not of those around it.
double QuotaV2(const Path& group) {
  std::ifstream file(group / "cpu.max");
  std::string quota_us;
  double period_us = 0;
  double quota = 0;
  if (!(file >> quota_us >> period_us) || !absl::SimpleAtod(quota_us, &quota)) return kNoQuota;  // "max 100000"
  return quota / period_us;
}

double QuotaV1(const Path& group) {
  const double quota_us = ReadNumber(group / "cpu.cfs_quota_us");
  const double period_us = ReadNumber(group / "cpu.cfs_period_us");
  return quota_us > 0 && period_us > 0 ? quota_us / period_us : kNoQuota;
}

// The least of a group's and of all around it. A container sees the tree from its own group on, but may be told its
// path in the whole tree: groups that are not there have no quota.
template <typename Quota>
double LeastQuota(const Path& tree, const Path& group, const Quota& quota_of) {
  double least = quota_of(tree);
  Path path = tree;
  for (const Path& name : group.relative_path()) {
    path /= name;
    least = std::min(least, quota_of(path));
  }
  return least;
}

}  // namespace

double CgroupCpuQuota(const std::string& root) {
  const Path tree = Path(root) / "sys/fs/cgroup";
  std::ifstream groups(Path(root) / "proc/self/cgroup");
  double least = kNoQuota;
  for (std::string line; std::getline(groups, line);) {
    // hierarchy:controllers:group
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    const std::vector<std::string> controllers = absl::StrSplit(parts[1], ',');
    if (parts[1].empty()) {
      least = std::min(least, LeastQuota(tree, parts[2], QuotaV2));
    } else if (std::count(controllers.begin(), controllers.end(), "cpu") > 0) {
      least = std::min(least, LeastQuota(tree / "cpu", parts[2], QuotaV1));
    }
  }
  return least == kNoQuota ? 0 : least;
}

int AvailableCpus() {
  cpu_set_t mask;
  int cpus = sched_getaffinity(0, sizeof(mask), &mask) == 0 ? CPU_COUNT(&mask)
                                                            : static_cast<int>(std::thread::hardware_concurrency());
  if (const double quota = CgroupCpuQuota(); quota > 0) cpus = std::min(cpus, static_cast<int>(std::ceil(quota)));
  return std::max(1, cpus);
}

}  // namespace vitok
