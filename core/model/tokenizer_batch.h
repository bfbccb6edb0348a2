// What goes into a tokenizer and what comes out, item by item, and a batch that is under way.
#pragma once

#include <ATen/ATen.h>

#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/ops/pixel_kernels.h"
#include "core/tokens/packed_tokens.h"

namespace vitok {

// One image as 8-bit RGB, on the host.
struct PixelImage {
  at::Tensor pixels_HW3;  // uint8, contiguous, H and W of 1 or more
  NormalizeMode normalize = NormalizeMode::kMinusOneToOne;
};

// One decoded image as 8-bit RGB, on the host. From values to bytes: docs/NUMERICS.md.
struct DecodedPicture {
  at::Tensor pixels_HW3;  // uint8
  bool finite = true;     // whether all values that it was made of are; if not, some bytes mean nothing
};

enum class OutputForm { kLatents, kPatches, kPicture };

using TokenizerInput = std::variant<PixelImage, PatchSequence, LatentSequence>;

struct TokenizerItem {
  TokenizerInput input;
  OutputForm form = OutputForm::kLatents;
};

// Of the form that its item asked for.
using TokenizerOutput = std::variant<DecodedPicture, PatchSequence, LatentSequence>;

// Where a batch's time went. The three parts follow each other; those of different batches may overlap.
struct BatchTimes {
  absl::Duration host_to_device;  // packing included
  absl::Duration compute;
  absl::Duration device_to_host;  // splitting included

  absl::Duration total() const { return host_to_device + compute + device_to_host; }
};

// A batch that a tokenizer works on. Destroying it waits for the device. Wait is called at most once, on any thread.
class PendingBatch {
 public:
  virtual ~PendingBatch() = default;

  // Whether Wait would return at once. Always, where Submit did all the work.
  virtual bool IsReady() const = 0;

  // Blocks until the results are there: one an item, in order. They are views of memory that the whole batch shares,
  // pinned on a CUDA device: a caller copies what it keeps for long, since one result keeps the memory of all.
  virtual absl::StatusOr<std::vector<TokenizerOutput>> Wait(BatchTimes& times) = 0;
};

}  // namespace vitok
