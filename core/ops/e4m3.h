// The 8-bit float format e4m3 (4 exponent bits, 3 of mantissa, no infinity), and how a row is scaled into it:
//   scale = max(amax, least) / 448 with amax = max |x| of the row;  q = e4m3(x / scale), saturating.
// A caller that has a `least` of its own wants to put other values beside the row, which were quantised with that
// scale:
//   scale = least · 2^k / 448 with the smallest k >= 0 for which least · 2^k >= amax
// They are brought to such a scale without being rounded again (RescaleRows, core/ops/quantize_rows.h). The row loses
// nothing by it but a part of the last binary order above e4m3's smallest values, 2^-14.8 of the largest.
// Source: "FP8 Formats for Deep Learning", Micikevicius et al. 2022. Free of torch.
#pragma once

namespace vitok {

inline constexpr float kE4m3Max = 448.0f;
// `least` where the caller has no bound of its own: keeps the scale of a row of zeros above 0.
inline constexpr float kLeastAmax = 1e-12f;
// Of float32. An amax that is further above `least`, or infinite, makes its row's scale itself.
inline constexpr float kLargestPowerOfTwo = 0x1p127f;

}  // namespace vitok
