// Names of requests in logs. Free of torch.
#pragma once

#include <string>

namespace vitok {

// Unique within this process and, by its random first part, most likely among all replicas: "5f3a9c1e-000042".
std::string NextRequestId();

}  // namespace vitok
