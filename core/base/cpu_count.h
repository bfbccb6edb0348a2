// How many processors there are to divide work over.
#pragma once

#include <string>

namespace vitok {

// Processors that this process may use at once, at least 1: those of its affinity mask, and no more than the CPU quota
// of its control group, rounded up (cgroup v2 cpu.max, v1 cpu.cfs_quota_us; what `docker run --cpus` and the limits of
// Kubernetes set). A program that starts more threads than that is stopped by the kernel for most of each period.
int AvailableCpus();

// The quota alone, in processors; 0 where there is none. `root` is put before the paths below /proc and /sys, for
// tests.
double CgroupCpuQuota(const std::string& root = "");

}  // namespace vitok
