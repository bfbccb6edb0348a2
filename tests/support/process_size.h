// What a process holds, by /proc.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace vitok {

// Memory that grows under AddressSanitizer says nothing: it keeps what is freed.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kMemoryIsMeasurable = false;
#else
inline constexpr bool kMemoryIsMeasurable = true;
#endif

// Entries of a folder such as "/proc/self/fd" (open files) or "/proc/self/task" (threads); 0 if it is not there.
inline size_t CountEntries(const std::string& folder) {
  size_t entries = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator i(folder, error), end; !error && i != end; i.increment(error)) ++entries;
  return entries;
}

// Resident memory by a file such as "/proc/self/status"; 0 if it is not there.
inline int64_t ResidentBytes(const std::string& status_file = "/proc/self/status") {
  std::ifstream status(status_file);
  for (std::string word; status >> word;) {
    int64_t kib = 0;
    if (word == "VmRSS:" && status >> kib) return kib * 1024;
  }
  return 0;
}

}  // namespace vitok
