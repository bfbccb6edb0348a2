#include "server/tensor_convert.h"

#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/base/tensor_check.h"
#include "core/ops/finite.h"
#include "server/status_details.h"

namespace vitok {
namespace {

constexpr size_t kShownDimensions = 8;

// What a tensor that has its memory to itself may leave unused of it.
constexpr size_t kSpareBytes = 64;

// product(shape) * element_bytes, or nullopt if a dimension is negative or the product does not fit, that of the other
// dimensions if some are 0: ATen computes with it.
std::optional<int64_t> CountBytes(const v1::Tensor& tensor, int64_t element_bytes) {
  int64_t bytes = element_bytes;
  bool empty = false;
  for (const int64_t size : tensor.shape()) {
    if (size < 0 || (size > 0 && __builtin_mul_overflow(bytes, size, &bytes))) return std::nullopt;
    empty |= size == 0;
  }
  return empty ? 0 : bytes;
}

// The tensor in the form that is sent; the message gets dtype and shape.
at::Tensor WriteForm(const at::Tensor& tensor, DType dtype, v1::Tensor* message) {
  at::Tensor values = tensor.to(ToScalarType(dtype)).contiguous();
  message->set_dtype(ToProto(dtype));
  message->mutable_shape()->Add(values.sizes().begin(), values.sizes().end());
  return values;
}

}  // namespace

v1::DType ToProto(DType dtype) {
  switch (dtype) {
    case DType::kBool: return v1::DTYPE_BOOL;
    case DType::kUint8: return v1::DTYPE_UINT8;
    case DType::kInt32: return v1::DTYPE_INT32;
    case DType::kInt64: return v1::DTYPE_INT64;
    case DType::kFloat16: return v1::DTYPE_FLOAT16;
    case DType::kBfloat16: return v1::DTYPE_BFLOAT16;
    case DType::kFloat32: return v1::DTYPE_FLOAT32;
  }
  return v1::DTYPE_UNSPECIFIED;
}

absl::StatusOr<DType> FromProto(std::string_view field, v1::DType dtype) {
  switch (dtype) {
    case v1::DTYPE_BOOL: return DType::kBool;
    case v1::DTYPE_UINT8: return DType::kUint8;
    case v1::DTYPE_INT32: return DType::kInt32;
    case v1::DTYPE_INT64: return DType::kInt64;
    case v1::DTYPE_FLOAT16: return DType::kFloat16;
    case v1::DTYPE_BFLOAT16: return DType::kBfloat16;
    case v1::DTYPE_FLOAT32: return DType::kFloat32;
    default: return FieldError(field, StrCat("must be a known DType; was ", static_cast<int>(dtype)));
  }
}

std::string ShapeText(absl::Span<const int64_t> shape) {
  const bool cut = shape.size() > kShownDimensions;
  return StrCat("[", absl::StrJoin(shape.subspan(0, kShownDimensions), ", "), cut ? ", ...]" : "]");
}

std::string ShapeText(const v1::Tensor& tensor) {
  return ShapeText(absl::MakeConstSpan(tensor.shape().data(), tensor.shape_size()));
}

absl::Status CheckTensor(std::string_view field, const v1::Tensor& tensor) {
  VITOK_ASSIGN_OR_RETURN(const DType dtype, FromProto(StrCat(field, ".dtype"), tensor.dtype()));
  const std::optional<int64_t> bytes = CountBytes(tensor, SizeInBytes(dtype));
  if (!bytes.has_value()) {
    return FieldError(
        StrCat(field, ".shape"),
        StrCat("must have dimensions of 0 or more whose product fits in 63 bits; was ", ShapeText(tensor)));
  }
  if (*bytes == static_cast<int64_t>(tensor.data().size())) return absl::OkStatus();
  return FieldError(StrCat(field, ".data"), StrCat("must have ", *bytes, " bytes for ", DTypeName(dtype), " ",
                                                   ShapeText(tensor), "; has ", tensor.data().size()));
}

absl::StatusOr<at::Tensor> ViewTensor(std::string_view field, const v1::Tensor& tensor) {
  VITOK_RETURN_IF_ERROR(CheckTensor(field, tensor));
  VITOK_ASSIGN_OR_RETURN(const DType dtype, FromProto(field, tensor.dtype()));
  const at::IntArrayRef shape(tensor.shape().data(), tensor.shape_size());
  // from_blob takes no const pointer; whoever gets the view only reads.
  return at::from_blob(const_cast<char*>(tensor.data().data()), shape, at::TensorOptions(ToScalarType(dtype)));
}

absl::StatusOr<at::Tensor> ViewFloats(std::string_view field, const v1::Tensor& tensor) {
  VITOK_ASSIGN_OR_RETURN(at::Tensor view, ViewTensor(field, tensor));
  if (at::isFloatingType(view.scalar_type())) return view;
  return FieldError(StrCat(field, ".dtype"), StrCat("must be float32, float16 or bfloat16; was ",
                                                    DTypeName(FromScalarType(view.scalar_type()))));
}

absl::StatusOr<at::Tensor> ReadIndices(std::string_view field, const v1::Tensor& tensor, int64_t length) {
  VITOK_ASSIGN_OR_RETURN(const at::Tensor view, ViewTensor(field, tensor));
  if (view.dim() != 1 || view.size(0) != length) {
    return FieldError(StrCat(field, ".shape"), StrCat("must be [", length, "]; was ", ShapeText(tensor)));
  }
  if (view.scalar_type() == at::kInt) return view;
  if (view.scalar_type() != at::kLong) {
    return FieldError(StrCat(field, ".dtype"),
                      StrCat("must be int32 or int64; was ", DTypeName(FromScalarType(view.scalar_type()))));
  }
  const int64_t* values = view.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < length; ++i) {
    if (values[i] < 0 || values[i] > std::numeric_limits<int32_t>::max()) {
      return FieldError(StrCat(field, "[", i, "]"), StrCat("must be between 0 and 2147483647; was ", values[i]));
    }
  }
  return view.to(at::kInt);
}

bool AllFinite(const at::Tensor& tensor) {
  const at::Tensor values = tensor.contiguous();
  const int64_t count = values.numel();
  const void* const data = values.const_data_ptr();
  switch (values.scalar_type()) {
    case at::kFloat: return AllFinite(static_cast<const float*>(data), count);
    case at::kHalf: return AllFiniteHalf(static_cast<const uint16_t*>(data), count);
    case at::kBFloat16: return AllFiniteBfloat16(static_cast<const uint16_t*>(data), count);
    default: TORCH_CHECK(false, "AllFinite takes float32, float16 or bfloat16; was ", values.scalar_type());
  }
}

void WriteTensor(const at::Tensor& tensor, DType dtype, v1::Tensor* message) {
  const at::Tensor values = WriteForm(tensor, dtype, message);
  message->set_data(values.const_data_ptr(), values.nbytes());
}

WrittenValue WriteLargeTensor(const at::Tensor& tensor, DType dtype, v1::Tensor* message) {
  at::Tensor values = WriteForm(tensor, dtype, message);
  if (values.storage().nbytes() > values.nbytes() + kSpareBytes) values = values.clone();
  const bool is_copy = !values.is_alias_of(tensor);
  auto* const owned = new at::Tensor(std::move(values));
  grpc::Slice bytes(
      owned->mutable_data_ptr(), owned->nbytes(), [](void* owner) { delete static_cast<at::Tensor*>(owner); }, owned);
  const auto copied_bytes = static_cast<int64_t>(is_copy ? bytes.size() : 0);
  return {.bytes = std::move(bytes), .copied_bytes = copied_bytes};
}

}  // namespace vitok
