// What a model computes in: the `dtype` of its configuration. Free of torch.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/dtype.h"

namespace vitok {

// fp8 is a policy, not a type of results: the products of the transformer blocks run in e4m3 with a scale a token and
// a scale an output channel; embeddings, projections, the residual stream, attention and latents are bfloat16.
enum class Precision : uint8_t { kFloat32, kBfloat16, kFp8 };

// "float32", "bfloat16", "fp8"
std::string_view PrecisionName(Precision precision);

// The inverse of PrecisionName; also takes the short forms "fp32" and "bf16". Anything else: nullopt.
std::optional<Precision> ParsePrecision(std::string_view name);

// Element type of weights outside of the blocks, of latents and of patches: float32; for fp8, too, bfloat16.
DType StorageDType(Precision precision);

}  // namespace vitok
