#include "server/grpc_log.h"

#include <grpc/support/log.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/log.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

// By the place in gRPC's source that logs; two that share a limit only share its ten lines.
LogLimit& LimitOf(const char* file, int line) {
  static std::array<LogLimit, 64> limits;
  const size_t place = reinterpret_cast<uintptr_t>(file) / 16 + static_cast<size_t>(line);
  return limits[place % limits.size()];
}

void LogMessage(gpr_log_func_args* args) {
  const auto level = args->severity == GPR_LOG_SEVERITY_ERROR ? spdlog::level::warn : spdlog::level::debug;
  LogLimited(LimitOf(args->file, args->line), level, "grpc", [args] {
    return std::vector<LogField>{{"text", std::string(args->message)}};
  });
}

}  // namespace

void RouteGrpcLog() { gpr_set_log_function(&LogMessage); }

}  // namespace vitok
