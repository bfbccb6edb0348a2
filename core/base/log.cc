#include "core/base/log.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <utility>

#include "core/base/fd_sink.h"
#include "core/base/log_format.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

std::atomic<int64_t> lost_lines{0};

constexpr std::pair<std::string_view, spdlog::level::level_enum> kLevels[] = {
    {"trace", spdlog::level::trace}, {"debug", spdlog::level::debug}, {"info", spdlog::level::info},
    {"warn", spdlog::level::warn},   {"error", spdlog::level::err},   {"off", spdlog::level::off}};

absl::StatusOr<spdlog::level::level_enum> ParseLevel(std::string_view name) {
  for (const auto& [level_name, level] : kLevels) {
    if (level_name == name) return level;
  }
  return absl::InvalidArgumentError(
      StrCat("log level must be trace, debug, info, warn, error or off; was '", name, "'"));
}

}  // namespace

absl::Status InitLogging(const LogOptions& options) {
  VITOK_ASSIGN_OR_RETURN(const spdlog::level::level_enum level, ParseLevel(options.level));
  auto logger = std::make_shared<spdlog::logger>("", std::make_shared<FdSink>(STDERR_FILENO, &lost_lines));
  logger->set_formatter(MakeLogFormatter(options.format));
  logger->set_level(level);
  spdlog::set_default_logger(std::move(logger));
  return absl::OkStatus();
}

absl::StatusOr<std::string> SetLogLevel(std::string_view level) {
  VITOK_ASSIGN_OR_RETURN(const spdlog::level::level_enum wanted, ParseLevel(level));
  spdlog::logger* const logger = spdlog::default_logger_raw();
  const spdlog::level::level_enum before = logger->level();
  logger->set_level(wanted);
  for (const auto& [name, each] : kLevels) {
    if (each == before) return std::string(name);
  }
  return std::string();  // one that only spdlog's own API sets
}

int64_t LostLogLines() { return lost_lines.load(std::memory_order_relaxed); }

bool IsLogged(spdlog::level::level_enum level) { return spdlog::default_logger_raw()->should_log(level); }

void LogEvent(spdlog::level::level_enum level, std::string_view message, absl::Span<const LogField> fields) {
  spdlog::logger* logger = spdlog::default_logger_raw();
  if (!logger->should_log(level)) return;
  const PendingEvent event = {message, fields};
  const ScopedPendingEvent scope(event);
  logger->log(level, EventText(event));
}

}  // namespace vitok
