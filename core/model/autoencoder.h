// The ViTok-v2 autoencoder over packed tokens.
//   encode: Linear(D -> We) · encoder blocks · Linear(We -> Z) · LayerNorm without weights = z
//   decode: Linear(Z -> Wd) · decoder blocks · Linear(Wd -> D)
// Source: Na-VAE/vitok-release vitok/models/ae.py; details in docs/NUMERICS.md.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "core/base/precision.h"
#include "core/base/tensor_check.h"
#include "core/model/autoencoder_config.h"
#include "core/model/tower.h"
#include "core/model/tower_graphs.h"
#include "core/model/weight_names.h"
#include "core/tokens/packed_tokens.h"
#include "core/weights/weight_map.h"

namespace vitok {

// bfloat16 models compute in float32 on the CPU, with weights, latents and patches rounded to bfloat16: float32
// products are the faster ones on every CPU without matrix units. fp8 models need a GPU. Immutable; a forward pass
// allocates on the calling thread only, so concurrent calls are safe (and compete for cores). On a GPU small batches in
// bfloat16 and fp8 run as CUDA graphs (core/model/tower_graphs.h), one at a time; the first batch of a size waits for
// its capture.
//
//   VITOK_ASSIGN_OR_RETURN(Autoencoder model, Autoencoder::Create(config, weights, Precision::kFloat32, at::kCPU));
//   PackedLatents latents = model.Encode(PackPatches(images, {.dtype = model.dtype(), .device = model.device()}));
class Autoencoder {
 public:
  // Builds the halves whose weights are there (at least one). `weights` are under their published names, in any
  // float dtype. INVALID_ARGUMENT: config not buildable, or for fp8 a width that is no multiple of 16; weights that are
  // missing, unexpected or misshaped (all names in one message). REQUIRES: CheckPrecision(precision, device) is OK.
  static absl::StatusOr<Autoencoder> Create(const AutoencoderConfig& config, const WeightMap& weights,
                                            Precision precision, at::Device device);

  // patches_TD [T, D] in [-1, 1], any float dtype, on the model's device -> z_TZ [T, Z] in the model's dtype. Throws
  // c10::AcceleratorError if the device's context is broken. REQUIRES: has_encoder().
  PackedLatents Encode(const PackedPatches& patches) const;

  // z_TZ [T, Z], any float dtype, on the model's device -> patches_TD [T, D] in the model's dtype, not clamped. Throws
  // as Encode does. REQUIRES: has_decoder().
  PackedPatches Decode(const PackedLatents& latents) const;

  // From now on every batch is launched kernel by kernel, for comparison. Not thread-safe.
  void DisableGraphs() { graphs_.reset(); }

  bool has_encoder() const { return encoder_.has_value(); }
  bool has_decoder() const { return decoder_.has_value(); }
  const AutoencoderConfig& config() const { return config_; }
  // Of latents and patches: StorageDType(precision()).
  at::ScalarType dtype() const { return ToScalarType(StorageDType(precision_)); }
  Precision precision() const { return precision_; }
  at::Device device() const { return device_; }

 private:
  Autoencoder(const AutoencoderConfig& config, Precision precision, at::Device device)
      : config_(config), precision_(precision), device_(device), graphs_(TowerGraphs::Create(precision, device)) {}

  at::Tensor Run(AutoencoderHalf half, const at::Tensor& input, const TokenLayout& layout) const;

  AutoencoderConfig config_;
  Precision precision_;
  at::Device device_;
  std::optional<Tower> encoder_;
  std::optional<Tower> decoder_;
  std::unique_ptr<TowerGraphs> graphs_;  // null: there are none
};

}  // namespace vitok
