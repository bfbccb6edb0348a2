#include "server/request_log.h"

#include <array>
#include <cstddef>

namespace vitok {

LogLimit& RequestLogLimit(absl::StatusCode code) {
  static std::array<LogLimit, 17> limits;
  return limits[static_cast<size_t>(code) % limits.size()];
}

}  // namespace vitok
