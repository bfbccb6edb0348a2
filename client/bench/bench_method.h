// The calls that a run can make.
#pragma once

namespace vitok {

enum class BenchMethod { kEncode, kDecode, kReconstruct };

}  // namespace vitok
