#include "core/base/tensor_check.h"

#include <string>

#include "absl/strings/str_join.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

std::string ShapeText(absl::Span<const int64_t> shape) {
  return StrCat("[",
                absl::StrJoin(shape, ", ",
                              [](std::string* out, int64_t size) {
                                size == kAnySize ? absl::StrAppend(out, "*") : absl::StrAppend(out, size);
                              }),
                "]");
}

}  // namespace

absl::Status CheckShape(std::string_view name, const at::Tensor& tensor, absl::Span<const int64_t> expected) {
  const absl::Span<const int64_t> got(tensor.sizes().data(), tensor.sizes().size());
  bool same = got.size() == expected.size();
  for (size_t i = 0; same && i < got.size(); ++i) same = expected[i] == kAnySize || expected[i] == got[i];
  if (same) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat(name, " must have shape ", ShapeText(expected), "; was ", ShapeText(got)));
}

absl::Status CheckDType(std::string_view name, const at::Tensor& tensor, DType expected) {
  if (tensor.scalar_type() == ToScalarType(expected)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat(name, " must have dtype ", DTypeName(expected), "; was ", c10::toString(tensor.scalar_type())));
}

at::ScalarType ToScalarType(DType dtype) {
  switch (dtype) {
    case DType::kBool: return at::kBool;
    case DType::kUint8: return at::kByte;
    case DType::kInt32: return at::kInt;
    case DType::kInt64: return at::kLong;
    case DType::kFloat16: return at::kHalf;
    case DType::kBfloat16: return at::kBFloat16;
    case DType::kFloat32: return at::kFloat;
  }
  TORCH_CHECK(false, "unknown DType ", static_cast<int>(dtype));
}

DType FromScalarType(at::ScalarType type) {
  switch (type) {
    case at::kBool: return DType::kBool;
    case at::kByte: return DType::kUint8;
    case at::kInt: return DType::kInt32;
    case at::kLong: return DType::kInt64;
    case at::kHalf: return DType::kFloat16;
    case at::kBFloat16: return DType::kBfloat16;
    case at::kFloat: return DType::kFloat32;
    default: TORCH_CHECK(false, "no DType for ", c10::toString(type));
  }
}

}  // namespace vitok
