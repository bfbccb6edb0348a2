#include "core/metrics/image_quality.h"

#include <cmath>
#include <limits>

#include "core/base/str_cat.h"

namespace vitok {

absl::StatusOr<double> PsnrU8(absl::Span<const uint8_t> reference, absl::Span<const uint8_t> picture) {
  if (reference.empty()) return absl::InvalidArgumentError("PSNR needs at least one value; the reference has 0");
  if (reference.size() != picture.size()) {
    return absl::InvalidArgumentError(
        StrCat("PSNR needs pictures of the same size; were ", reference.size(), " and ", picture.size(), " values"));
  }
  int64_t squared_error = 0;  // at most 65025 a value: 2^47 values fit
  for (size_t i = 0; i < reference.size(); ++i) {
    const int32_t difference = int32_t{reference[i]} - int32_t{picture[i]};
    squared_error += difference * difference;
  }
  if (squared_error == 0) return std::numeric_limits<double>::infinity();
  const double mse = static_cast<double>(squared_error) / static_cast<double>(reference.size());
  return 10.0 * std::log10(255.0 * 255.0 / mse);
}

}  // namespace vitok
