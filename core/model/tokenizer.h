// The seam between serving and models: an image tokenizer turns batches of patch sequences into latents and back.
// ViTok autoencoders are its first implementation.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/dtype.h"
#include "core/base/precision.h"
#include "core/model/tokenizer_batch.h"
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

// Implementations are not thread-safe: one worker owns the calls (info() excepted). Inputs and outputs are host
// tensors; outputs are in the model's dtype and share no memory with the inputs. Shape and dtype of inputs are the
// caller's duty (REQUIRES patches [N, D], latents [N, Z], matching row/col). Errors of torch leave as c10::Error; the
// worker turns them into a Status (docs/ARCHITECTURE.md, "Errors").
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  virtual const TokenizerInfo& info() const = 0;

  // Starts a batch and returns before a device has done it, so that the next one can be packed and copied meanwhile:
  //
  //   VITOK_ASSIGN_OR_RETURN(std::unique_ptr<PendingBatch> next, tokenizer.Submit(items));
  //   VITOK_ASSIGN_OR_RETURN(std::vector<TokenizerOutput> outputs, pending->Wait(times));  // of the one before
  //   pending = std::move(next);
  //
  // Images travel as bytes and are normalised, cut and put together on the device. Items are all latents (to patches or
  // pictures) or all images (to latents, or all to patches or pictures), else INVALID_ARGUMENT; UNIMPLEMENTED when the
  // encoder (decoder) is not loaded. `items` need not outlive the call. Batches compute in the order of their Submits.
  // An error of the device may come from Wait.
  virtual absl::StatusOr<std::unique_ptr<PendingBatch>> Submit(absl::Span<const TokenizerItem> items) = 0;

  // Submit and Wait.
  absl::StatusOr<std::vector<TokenizerOutput>> Run(absl::Span<const TokenizerItem> items, BatchTimes& times);
};

// What a batch of Submit does; INVALID_ARGUMENT for items that do not go together, or none.
enum class BatchKind { kEncode, kDecode, kReconstruct };
absl::StatusOr<BatchKind> KindOf(absl::Span<const TokenizerItem> items);

}  // namespace vitok
