#include "core/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <optional>
#include <utility>

#include "core/base/log_format.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

std::optional<spdlog::level::level_enum> ParseLevel(std::string_view name) {
  constexpr std::pair<std::string_view, spdlog::level::level_enum> kLevels[] = {
      {"trace", spdlog::level::trace}, {"debug", spdlog::level::debug}, {"info", spdlog::level::info},
      {"warn", spdlog::level::warn},   {"error", spdlog::level::err},   {"off", spdlog::level::off}};
  for (const auto& [level_name, level] : kLevels) {
    if (level_name == name) return level;
  }
  return std::nullopt;
}

}  // namespace

absl::Status InitLogging(const LogOptions& options) {
  const std::optional<spdlog::level::level_enum> level = ParseLevel(options.level);
  if (!level) {
    return absl::InvalidArgumentError(
        StrCat("log level must be trace, debug, info, warn, error or off; was '", options.level, "'"));
  }
  auto logger = std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_formatter(MakeLogFormatter(options.format));
  logger->set_level(*level);
  spdlog::set_default_logger(std::move(logger));
  return absl::OkStatus();
}

void LogEvent(spdlog::level::level_enum level, std::string_view message, absl::Span<const LogField> fields) {
  spdlog::logger* logger = spdlog::default_logger_raw();
  if (!logger->should_log(level)) return;
  const PendingEvent event = {message, fields};
  const ScopedPendingEvent scope(event);
  logger->log(level, EventText(event));
}

}  // namespace vitok
