// Logging of the programs, over spdlog. Code that logs a plain message uses spdlog's default logger; events with fields
// go through LogEvent.
#pragma once

#include <spdlog/common.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/log_limit.h"

namespace vitok {

struct LogOptions {
  enum class Format { kText, kJson };
  Format format = Format::kText;
  std::string level = "info";  // trace, debug, info, warn, error, off
};

// Installs spdlog's default logger: one line an event on standard error, times in UTC with µs (RFC 3339). A line that
// cannot be written (disk full, reader gone or asleep) is lost and counted, whoever logs goes on: see FdSink.
//   text: 2026-01-31T12:00:00.000250Z info request method=Encode tokens=256
//   JSON: {"time":"2026-01-31T12:00:00.000250Z","level":"info","message":"request","method":"Encode","tokens":256}
// Line breaks and control characters are escaped; bytes that are not UTF-8 become U+FFFD in JSON.
// The logger is thread-safe; call once from main. INVALID_ARGUMENT names an unknown level.
absl::Status InitLogging(const LogOptions& options);

// Sets the level of the default logger from now on and returns the one before. INVALID_ARGUMENT names an unknown level.
// Thread-safe.
absl::StatusOr<std::string> SetLogLevel(std::string_view level);

// Lines that were lost since the program started.
int64_t LostLogLines();

// Whether events of this level are logged now.
bool IsLogged(spdlog::level::level_enum level);

struct LogField {
  std::string_view name;  // lower_case; not time, level or message
  std::variant<int64_t, double, std::string> value;
};

// Logs `message` with its fields, in their order, through spdlog's default logger. Thread-safe.
//
//   LogEvent(spdlog::level::info, "request", {{{"method", "Encode"}, {"tokens", 256}, {"code", "OK"}}});
void LogEvent(spdlog::level::level_enum level, std::string_view message, absl::Span<const LogField> fields);

// LogEvent for what can come thousands of times a second: `make_fields` (-> std::vector<LogField>) is called only if
// `limit` lets the line through. After lines that it did not let through the field `suppressed` says how many.
//
//   static LogLimit limit;
//   LogLimited(limit, spdlog::level::warn, "refused", [&] { return std::vector<LogField>{{"peer", peer}}; });
template <typename MakeFields>
void LogLimited(LogLimit& limit, spdlog::level::level_enum level, std::string_view message, MakeFields&& make_fields) {
  if (!IsLogged(level)) return;
  const std::optional<int64_t> suppressed = limit.Pass();
  if (!suppressed.has_value()) return;
  std::vector<LogField> fields = std::forward<MakeFields>(make_fields)();
  if (*suppressed > 0) fields.push_back({"suppressed", *suppressed});
  LogEvent(level, message, fields);
}

}  // namespace vitok
