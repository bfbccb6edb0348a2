// Latents of one picture as a safetensors file, format "vitok-latents-1":
//   z        float32, float16 or bfloat16 [N, C]
//   row_idx  int32 [N], in patches        col_idx  int32 [N]
// and in __metadata__: format, model, variant, patch_px, height_px, width_px, grid_rows, grid_cols (numbers in
// decimal).
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "client/tokenizer_types.h"

namespace vitok {

struct LatentFile {
  Latents latents;      // z [N, C] with row_idx and col_idx; grid and size in px are positive
  std::string model;    // that made them
  std::string variant;  // of that model, e.g. "Ld4-Ld24/1x16x64"
  int32_t patch_px = 0;
};

// Writes the file under a temporary name and renames it. INVALID_ARGUMENT: what ReadLatentFile would refuse.
// INTERNAL: the file cannot be written.
absl::Status WriteLatentFile(const std::string& path, const LatentFile& file);

// Reads and checks a file. NOT_FOUND: no such file. INVALID_ARGUMENT, naming the path and what is wrong: no safetensors
// file, another format, a tensor or a key that is missing or of the wrong type or shape, N != grid_rows · grid_cols, a
// row or column outside the grid or named twice, a size in px that is not within the last row and column of patches.
absl::StatusOr<LatentFile> ReadLatentFile(const std::string& path);

}  // namespace vitok
