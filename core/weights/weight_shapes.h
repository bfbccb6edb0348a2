// Names and shapes of weights, free of torch.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/weights/safetensors.h"

namespace vitok {

// Dimensions of each weight by its normalised name.
using ShapeMap = std::map<std::string, std::vector<int64_t>>;

// The published name of a weight: without the `_orig_mod.` parts of compiled modules, and with the older `encoder.N.`
// and `decoder.N.` as `encoder_blocks.N.` and `decoder_blocks.N.`.
std::string NormalizeWeightName(std::string_view name);

// Shapes of all tensors of the files. INVALID_ARGUMENT names a normalised name that occurs twice, and both files.
absl::StatusOr<ShapeMap> ReadShapes(absl::Span<const SafetensorsFile* const> files);

// OK if `actual` holds exactly the names of `expected` with their shapes. Otherwise one INVALID_ARGUMENT that lists
// every missing, unexpected and misshaped name, the last with both shapes.
absl::Status CheckWeights(const ShapeMap& expected, const ShapeMap& actual);

}  // namespace vitok
