// Checks of tensors that come from outside, and the bridge between DType and ATen's scalar types.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/base/dtype.h"

namespace vitok {

// A dimension of any size, for CheckShape.
inline constexpr int64_t kAnySize = -1;

// OK if `tensor` has exactly the dimensions `expected` (kAnySize matches all). Otherwise INVALID_ARGUMENT:
// "<name> must have shape [*, 64]; was [12, 32]".
absl::Status CheckShape(std::string_view name, const at::Tensor& tensor, absl::Span<const int64_t> expected);

// OK if `tensor` has the element type `expected`, else INVALID_ARGUMENT naming both.
absl::Status CheckDType(std::string_view name, const at::Tensor& tensor, DType expected);

at::ScalarType ToScalarType(DType dtype);

// REQUIRES: `type` is one of the types of DType.
DType FromScalarType(at::ScalarType type);

}  // namespace vitok
