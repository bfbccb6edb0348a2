// Tensors between protobuf and ATen. Everything that comes from a client is checked here before it is touched.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/dtype.h"
#include "grpcpp/support/slice.h"
#include "vitok/v1/tokenizer.pb.h"

namespace vitok {

// `field` is always the path of the tensor in its request ("latents[0].z"); errors are INVALID_ARGUMENT with a
// BadRequest violation of the part that is wrong ("latents[0].z.shape").

v1::DType ToProto(DType dtype);

// INVALID_ARGUMENT for DTYPE_UNSPECIFIED and numbers that this version does not know.
absl::StatusOr<DType> FromProto(std::string_view field, v1::DType dtype);

// "[3, 16, 16]"; a long list is cut after its eighth number.
std::string ShapeText(absl::Span<const int64_t> shape);
std::string ShapeText(const v1::Tensor& tensor);

// OK if dtype is known, no dimension is negative, and the bytes are exactly product(shape) elements (overflow checked).
absl::Status CheckTensor(std::string_view field, const v1::Tensor& tensor);

// A view of the message's bytes as a host tensor: no copy; `tensor` must outlive it and is not written.
absl::StatusOr<at::Tensor> ViewTensor(std::string_view field, const v1::Tensor& tensor);

// The same for float32, float16 and bfloat16 only.
absl::StatusOr<at::Tensor> ViewFloats(std::string_view field, const v1::Tensor& tensor);

// An int32 or int64 tensor [length] as int32 (a copy only if it was int64). Values beyond int32 are refused.
absl::StatusOr<at::Tensor> ReadIndices(std::string_view field, const v1::Tensor& tensor, int64_t length);

// True if no element is NaN or infinite. `tensor`: float32, float16 or bfloat16 on the host, any strides.
bool AllFinite(const at::Tensor& tensor);

// Writes a host tensor in `dtype` (converted if it has another one), C-contiguous.
void WriteTensor(const at::Tensor& tensor, DType dtype, v1::Tensor* message);

// The large part of a result, which goes into the reply without another copy.
struct WrittenValue {
  grpc::Slice bytes;
  int64_t copied_bytes = 0;  // what was copied (or converted) to make them
  bool finite = true;        // whether all values of the result are
};

// WriteTensor, but for the bytes: they are returned as a slice that shares the memory of `tensor` if it is in that form
// and has that memory to itself: a part of a larger one would keep all of it, and is copied.
WrittenValue WriteLargeTensor(const at::Tensor& tensor, DType dtype, v1::Tensor* message);

}  // namespace vitok
