// Logging of the programs, over spdlog. Code that logs a plain message uses spdlog's default logger; events with fields
// go through LogEvent.
#pragma once

#include <spdlog/common.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace vitok {

struct LogOptions {
  enum class Format { kText, kJson };
  Format format = Format::kText;
  std::string level = "info";  // trace, debug, info, warn, error, off
};

// Installs spdlog's default logger: one line an event on standard error, times in UTC with µs (RFC 3339).
//   text: 2026-01-31T12:00:00.000250Z info request method=Encode tokens=256
//   JSON: {"time":"2026-01-31T12:00:00.000250Z","level":"info","message":"request","method":"Encode","tokens":256}
// Line breaks and control characters are escaped; bytes that are not UTF-8 become U+FFFD in JSON.
// The logger is thread-safe; call once from main. INVALID_ARGUMENT names an unknown level.
absl::Status InitLogging(const LogOptions& options);

// Sets the level of the default logger from now on and returns the one before. INVALID_ARGUMENT names an unknown level.
// Thread-safe.
absl::StatusOr<std::string> SetLogLevel(std::string_view level);

struct LogField {
  std::string_view name;  // lower_case; not time, level or message
  std::variant<int64_t, double, std::string> value;
};

// Logs `message` with its fields, in their order, through spdlog's default logger. Thread-safe.
//
//   LogEvent(spdlog::level::info, "request", {{{"method", "Encode"}, {"tokens", 256}, {"code", "OK"}}});
void LogEvent(spdlog::level::level_enum level, std::string_view message, absl::Span<const LogField> fields);

}  // namespace vitok
