// How close two pictures are. Free of torch.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace vitok {

// Peak signal-to-noise ratio of two 8-bit pictures in dB: 10·log10(255² / MSE) over all values of all channels, exact
// sums. Both spans hold the values of a picture in the same order (RgbImage::pixels_HWC); the measure is symmetric.
// Identical pictures give +infinity. INVALID_ARGUMENT: no values, or different counts (naming both). Thread-safe.
absl::StatusOr<double> PsnrU8(absl::Span<const uint8_t> reference, absl::Span<const uint8_t> picture);

}  // namespace vitok
