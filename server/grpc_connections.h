// How many connections gRPC holds. Free of torch.
#pragma once

#include <cstdint>
#include <optional>

namespace vitok {

// Standing connections to all gRPC servers of this process, from gRPC's channelz; nullopt if that does not answer.
// Takes time in proportion to them (some µs each). Thread-safe.
std::optional<int64_t> CountGrpcConnections();

}  // namespace vitok
