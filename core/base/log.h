// Logging set-up of the programs, over spdlog. Library code logs through spdlog's default logger.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace vitok {

struct LogOptions {
  enum class Format { kText, kJson };
  Format format = Format::kText;
  std::string level = "info";  // trace, debug, info, warn, error, off
};

// Installs spdlog's default logger: one line an event on standard error. With kJson each line is a JSON object
// {"time": RFC 3339 UTC with µs, "level": ..., "message": ...} and, for LogFields events, the event's fields beside them.
// Thread-safe loggers; call once from main. INVALID_ARGUMENT names an unknown level.
absl::Status InitLogging(const LogOptions& options);

}  // namespace vitok
