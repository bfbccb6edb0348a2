// The 8-bit float format e4m3 (4 exponent bits, 3 of mantissa, no infinity), and how a row is scaled into it:
//   scale = max(amax, least) / 448 with amax = max |x| of the row;  q = e4m3(x / scale), saturating.
// Source: "FP8 Formats for Deep Learning", Micikevicius et al. 2022. Free of torch.
#pragma once

namespace vitok {

inline constexpr float kE4m3Max = 448.0f;
// `least` where the caller has no bound of its own: keeps the scale of a row of zeros above 0.
inline constexpr float kLeastAmax = 1e-12f;

}  // namespace vitok
