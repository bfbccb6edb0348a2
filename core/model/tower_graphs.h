// Small batches on a GPU: what takes the time there is the host, which launches some hundred kernels a tower. A CUDA
// graph launches them all at once. A tower is captured once for each GraphShape, when a batch of that shape comes for
// the first time, and replayed with the batch's own tokens, positions and image bounds.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "core/base/precision.h"
#include "core/model/tower.h"
#include "core/model/weight_names.h"
#include "core/tokens/packed_tokens.h"

namespace vitok {

// The graphs of one model. They share one pool of device memory, as large as the scratch of kMaxGraphTokens tokens, and
// are kept for its life; there are at most kMaxGraphShapes a tower. Thread-safe: one batch at a time, in the order of
// the calls, also across streams.
//
// Tokens that fill a batch up to its shape are zeros at position (0, 0); no other token sees them, and they are cut
// off. Results are those of Tower::Forward but for rounding: products of another number of rows may sum in another
// order, and attention over images of different lengths may take another plan. They are equal bit for bit where the
// shape has `equal_images`.
class TowerGraphs {
 public:
  // nullptr where towers are not captured: on the CPU, and in float32, whose attention reads lengths on the host.
  static std::unique_ptr<TowerGraphs> Create(Precision precision, at::Device device);

  virtual ~TowerGraphs() = default;
  TowerGraphs(const TowerGraphs&) = delete;
  TowerGraphs& operator=(const TowerGraphs&) = delete;

  // tower.Forward for a batch, submitted to the current stream; waits for that stream where it captures. nullopt: the
  // batch is for Tower::Forward, since it is too large, or its shape could not be captured (logged once a model).
  // REQUIRES: the same tower and window for a half in every call; x [T, C] of the tower's dtype and device.
  virtual std::optional<at::Tensor> Run(AutoencoderHalf half, const Tower& tower, const at::Tensor& x_TC,
                                        const TokenLayout& layout, std::optional<int64_t> window) = 0;

  // Captured so far.
  virtual int64_t num_graphs() const = 0;

 protected:
  TowerGraphs() = default;
};

// REQUIRES: `device` is a CUDA device.
std::unique_ptr<TowerGraphs> MakeTowerGraphsCuda(at::Device device);

}  // namespace vitok
