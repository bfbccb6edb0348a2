#include "server/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

// /proc files have no size to ask for.
std::string ReadProcFile(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Seconds since the epoch at which the machine started.
std::optional<double> BootTime() {
  const std::string stat = ReadProcFile("/proc/stat");
  constexpr std::string_view kLine = "\nbtime ";
  const size_t at = stat.find(kLine);
  if (at == std::string::npos) return std::nullopt;
  const size_t begin = at + kLine.size();
  double seconds = 0;
  if (!absl::SimpleAtod(stat.substr(begin, stat.find('\n', begin) - begin), &seconds)) return std::nullopt;
  return seconds;
}

}  // namespace

std::optional<ProcessStats> ReadProcessStats() {
  // proc(5): the fields follow the program's name, which is in parentheses and may hold anything.
  constexpr size_t kFirstField = 3, kUserTime = 14, kSystemTime = 15, kThreads = 20, kStart = 22, kVirtual = 23,
                   kRss = 24;
  static const std::optional<double> boot_time = BootTime();
  const std::string stat = ReadProcFile("/proc/self/stat");
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos || !boot_time.has_value()) return std::nullopt;
  const std::vector<std::string> fields = absl::StrSplit(stat.substr(name_end + 2), ' ');
  if (fields.size() <= kRss - kFirstField) return std::nullopt;
  const auto number = [&fields](size_t field) {
    double value = 0;
    [[maybe_unused]] const bool read = absl::SimpleAtod(fields[field - kFirstField], &value);
    return value;
  };
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  return ProcessStats{.cpu_seconds = (number(kUserTime) + number(kSystemTime)) / ticks,
                      .start_time_seconds = *boot_time + number(kStart) / ticks,
                      .threads = static_cast<int64_t>(number(kThreads)),
                      .virtual_bytes = static_cast<int64_t>(number(kVirtual)),
                      .resident_bytes = static_cast<int64_t>(number(kRss)) * sysconf(_SC_PAGESIZE)};
}

std::optional<int64_t> CountOpenFiles() {
  std::error_code error;
  std::filesystem::directory_iterator folder("/proc/self/fd", error);
  if (error) return std::nullopt;
  return std::distance(folder, std::filesystem::directory_iterator()) - 1;  // without the one that reads the folder
}

void AddProcessMetrics(ScrapeValues& values) {
  using Kind = ScrapeValues::Kind;
  const auto add = [&values](Kind kind, const char* name, const char* help, auto ProcessStats::*member) {
    values.Add(kind, name, help, {}, [member]() -> std::optional<double> {
      const std::optional<ProcessStats> stats = ReadProcessStats();
      if (!stats.has_value()) return std::nullopt;
      return static_cast<double>((*stats).*member);
    });
  };
  add(Kind::kCounter, "process_cpu_seconds_total", "User and system CPU time", &ProcessStats::cpu_seconds);
  add(Kind::kGauge, "process_start_time_seconds", "Start of the process, Unix time", &ProcessStats::start_time_seconds);
  add(Kind::kGauge, "process_threads", "Threads", &ProcessStats::threads);
  add(Kind::kGauge, "process_virtual_memory_bytes", "Virtual memory", &ProcessStats::virtual_bytes);
  add(Kind::kGauge, "process_resident_memory_bytes", "Resident memory", &ProcessStats::resident_bytes);
  values.Add(Kind::kGauge, "process_open_fds", "Open file descriptors", {}, []() -> std::optional<double> {
    const std::optional<int64_t> count = CountOpenFiles();
    if (!count.has_value()) return std::nullopt;
    return static_cast<double>(*count);
  });
  values.Add(Kind::kGauge, "process_max_fds", "Limit on open file descriptors", {}, []() -> std::optional<double> {
    rlimit limit = {};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
    return static_cast<double>(limit.rlim_cur);
  });
}

}  // namespace vitok
