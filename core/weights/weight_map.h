// Weights in memory, ready for a model.
#pragma once

#include <ATen/ATen.h>

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/weights/safetensors.h"

namespace vitok {

// Weights by their normalised name (weight_shapes.h), on the CPU.
using WeightMap = std::map<std::string, at::Tensor>;

// A copy of a tensor in a file, on the CPU, independent of the file.
at::Tensor CopyToTensor(const TensorView& view);

// The bytes of `tensor` for the writer; they live as long as the tensor's storage.
// REQUIRES: contiguous, on the CPU, of an element type of DType.
TensorView ViewOf(const at::Tensor& tensor);

// Copies all tensors of the files and converts them to `type`. INVALID_ARGUMENT: a normalised name that occurs twice
// (named, with both files), a weight that holds no floating-point numbers. Throws c10::Error when memory runs out.
absl::StatusOr<WeightMap> LoadWeights(absl::Span<const SafetensorsFile* const> files, at::ScalarType type);

}  // namespace vitok
