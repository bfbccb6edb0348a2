// The cases of vitok-engine-bench: models, batches, and what they are compared with. Free of torch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model/autoencoder_config.h"

namespace vitok {

// Milliseconds an image, encode + decode; 0: no such figure.
struct EngineFigure {
  double bfloat16 = 0;
  double fp8 = 0;
};

struct EngineCase {
  std::string name;  // "350M-256x500": model, side of the images in pixels, images
  std::string variant;
  std::vector<int64_t> lengths;   // tokens of each image
  std::optional<int64_t> window;  // tokens to each side
  EngineFigure reference;         // the Python implementation, compiled, on the same kind of card
  EngineFigure target;
};

// All cases, in the order of docs/PERFORMANCE.md.
std::vector<EngineCase> EngineCases();

// Floating-point operations of one encode + decode of the case: products of the linear layers and of attention, two for
// a multiplication with its addition.
struct EngineFlops {
  double linear = 0;
  double attention = 0;

  double total() const { return linear + attention; }
};
EngineFlops CountFlops(const AutoencoderConfig& config, const EngineCase& engine_case);

}  // namespace vitok
