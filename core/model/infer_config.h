// The shape of a model, read from the shapes of its weights.
#pragma once

#include "absl/status/statusor.h"
#include "core/model/autoencoder_config.h"
#include "core/weights/weight_shapes.h"

namespace vitok {

// The config whose weights have these names and shapes (weight_names.h); either half may be absent. Depth is the number
// of blocks, the head dimension the length of attn.norm_q, the MLP's hidden size the input of ffn.fc2, the patch the
// root of a third of the patch vector (temporal is 1). Reads what it needs and no more: whether all weights are there
// and fit is for CheckWeights. INVALID_ARGUMENT names the weight that is missing or does not make sense, its shape and
// the reason.
absl::StatusOr<AutoencoderConfig> InferConfig(const ShapeMap& shapes);

}  // namespace vitok
