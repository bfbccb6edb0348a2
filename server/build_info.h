// What this binary was made with.
#pragma once

#include <string>

namespace vitok {

// "gcc 12.2.0, torch 2.11.0, CUDA 13.0.48" or "..., no CUDA".
std::string BuildDescription();

}  // namespace vitok
