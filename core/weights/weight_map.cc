#include "core/weights/weight_map.h"

#include <cstring>
#include <utility>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/base/tensor_check.h"
#include "core/weights/safetensors_header.h"
#include "core/weights/weight_shapes.h"

namespace vitok {

at::Tensor CopyToTensor(const TensorView& view) {
  // Bytes of a file need not be aligned for their type, hence a copy of bytes; nor need a BOOL be 0 or 1, as C++
  // demands.
  const bool is_bool = view.dtype == DType::kBool;
  at::Tensor tensor = at::empty(view.shape, is_bool ? at::kByte : ToScalarType(view.dtype));
  if (!view.bytes.empty()) std::memcpy(tensor.data_ptr(), view.bytes.data(), view.bytes.size());
  return is_bool ? tensor.to(at::kBool) : tensor;
}

TensorView ViewOf(const at::Tensor& tensor) {
  TORCH_CHECK(tensor.is_contiguous() && tensor.is_cpu(), "ViewOf needs a contiguous tensor on the CPU");
  return {FromScalarType(tensor.scalar_type()), tensor.sizes().vec(),
          std::string_view(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes())};
}

absl::StatusOr<WeightMap> LoadWeights(absl::Span<const SafetensorsFile* const> files, at::ScalarType type) {
  VITOK_RETURN_IF_ERROR(ReadShapes(files).status());
  WeightMap weights;
  for (const SafetensorsFile* file : files) {
    for (const auto& [name, view] : file->tensors()) {
      if (!at::isFloatingType(ToScalarType(view.dtype))) {
        return absl::InvalidArgumentError(StrCat(file->path(), ": weight ", QuotedName(name),
                                                 " must be floating-point; was ", DTypeName(view.dtype)));
      }
      weights.emplace(NormalizeWeightName(name), CopyToTensor(view).to(type));
    }
  }
  return weights;
}

}  // namespace vitok
