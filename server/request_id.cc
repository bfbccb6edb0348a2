#include "server/request_id.h"

#include <atomic>
#include <cstdint>
#include <random>

#include "absl/strings/str_format.h"

namespace vitok {

std::string NextRequestId() {
  static const uint32_t process = std::random_device()();
  static std::atomic<uint64_t> count{0};
  return absl::StrFormat("%08x-%06d", process, count.fetch_add(1, std::memory_order_relaxed) + 1);
}

}  // namespace vitok
