#include "core/base/cpu_count.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <thread>

#include "core/base/control_groups.h"

namespace vitok {
namespace {

constexpr double kNoQuota = std::numeric_limits<double>::infinity();

// cpu.max of version 2: "250000 100000" or "max 100000", in microseconds.
double QuotaV2(const std::string& group) {
  std::ifstream file(group + "/cpu.max");
  double quota_us = 0, period_us = 0;
  return file >> quota_us >> period_us && period_us > 0 ? quota_us / period_us : kNoQuota;
}

double QuotaV1(const std::string& group) {
  std::ifstream quota_file(group + "/cpu.cfs_quota_us"), period_file(group + "/cpu.cfs_period_us");
  double quota_us = 0, period_us = 0;  // a quota of -1 is none
  return quota_file >> quota_us && period_file >> period_us && quota_us > 0 && period_us > 0 ? quota_us / period_us
                                                                                             : kNoQuota;
}

}  // namespace

double CgroupCpuQuota(const std::string& root) {
  double least = kNoQuota;
  for (const std::string& group : ControlGroupFolders(root, "")) least = std::min(least, QuotaV2(group));
  for (const std::string& group : ControlGroupFolders(root, "cpu")) least = std::min(least, QuotaV1(group));
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
