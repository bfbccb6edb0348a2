// How much memory this process may still take. Free of torch.
#pragma once

#include <cstdint>
#include <string>

namespace vitok {

// Bytes that can be allocated on the host: what the kernel calls available (MemAvailable), or less where a memory
// cgroup (v2 or v1) around this process leaves less; file pages that the kernel would drop count as free. The largest
// int64 where neither is told. `root` is put before the paths below /proc and /sys, for tests.
int64_t FreeHostMemory(const std::string& root = "");

}  // namespace vitok
