// Opens a model folder and builds the tokenizer in it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "core/base/precision.h"
#include "core/model/tokenizer.h"

namespace vitok {

struct LoadOptions {
  enum class Halves { kAvailable, kBoth, kEncoder, kDecoder };

  std::string folder;   // of a model, or a file with both halves: see FindModelFiles (core/weights/model_files.h)
  std::string variant;  // optional: checked against the weights; empty: read from the shapes of the weights
  Precision precision = Precision::kFloat32;  // the `dtype` of configurations
  std::string device = "cpu";                 // "cpu", "cuda", "cuda:N"
  Halves halves = Halves::kAvailable;         // kAvailable: whatever the folder holds, at least one half
  std::optional<int64_t> sliding_window;      // nullopt or <= 0: full attention
  std::optional<int64_t> attend_padding_to;   // tokens; nullopt: no padding
};

// NOT_FOUND: no such folder or file. INVALID_ARGUMENT: malformed file or variant; weights that do not fit (all missing,
// unexpected and misshaped names in one message); device unknown; fp8 with a width that is no multiple of 16.
// FAILED_PRECONDITION: device not present or not compiled in, or one that cannot compute in this precision. The files
// need not exist afterwards. Memory that runs out and devices that fail leave as c10::Error, as they do in Tokenizer.
absl::StatusOr<std::unique_ptr<Tokenizer>> LoadAutoencoder(const LoadOptions& options);

struct AutoencoderMemory {
  int64_t weight_bytes = 0;
  int64_t activation_bytes = 0;  // besides, for as long as it is loaded or a batch runs
};

// What LoadAutoencoder and batches of `batch_tokens` tokens need on the model's device, from the headers of the files
// alone; an upper estimate. Errors as LoadAutoencoder has them.
absl::StatusOr<AutoencoderMemory> EstimateAutoencoderMemory(const LoadOptions& options, int64_t batch_tokens);

}  // namespace vitok
