// The seam between serving and models: an image tokenizer turns batches of patch sequences into latents and back.
// ViTok autoencoders are its first implementation.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/base/dtype.h"
#include "core/base/precision.h"
#include "core/tokens/packed_tokens.h"

namespace vitok {

// What a caller needs to know to talk to a model; constant over the model's life.
struct TokenizerInfo {
  std::string variant;
  int64_t patch_px = 0;
  int64_t patch_values = 0;       // D
  int64_t latent_channels = 0;    // Z
  DType dtype = DType::kFloat32;  // of latents and patches
  Precision precision = Precision::kFloat32;
  std::string device;  // "cpu", "cuda:0"
  bool can_encode = true;
  bool can_decode = true;
  int64_t encoder_parameters = 0;  // 0 when that half is not loaded
  int64_t decoder_parameters = 0;
  int64_t attend_padding_to = 0;  // tokens that shorter images are filled up to (AutoencoderConfig); 0: no padding
};

// Where a batch's time went. The three parts follow each other.
struct BatchTimes {
  absl::Duration host_to_device;  // packing included
  absl::Duration compute;
  absl::Duration device_to_host;  // splitting included
};

// Implementations are not thread-safe: one worker owns the calls (info() excepted). Inputs and outputs are host
// tensors; outputs have one entry an input, in order, in the model's dtype, and share no memory with the inputs. Shape
// and dtype of inputs are the caller's duty (REQUIRES patches [N, D], latents [N, Z], matching row/col). Errors of
// torch leave as c10::Error; the worker turns them into a Status (docs/ARCHITECTURE.md, "Errors").
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  virtual const TokenizerInfo& info() const = 0;

  // UNIMPLEMENTED when the encoder (decoder) is not loaded.
  virtual absl::StatusOr<std::vector<LatentSequence>> Encode(absl::Span<const PatchSequence> images,
                                                             BatchTimes& times) = 0;
  virtual absl::StatusOr<std::vector<PatchSequence>> Decode(absl::Span<const LatentSequence> latents,
                                                            BatchTimes& times) = 0;
  // Decode(Encode(images)) without the way over the host; the same values bit for bit.
  virtual absl::StatusOr<std::vector<PatchSequence>> Reconstruct(absl::Span<const PatchSequence> images,
                                                                 BatchTimes& times) = 0;
};

}  // namespace vitok
