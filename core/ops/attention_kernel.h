// The inner part of CPU attention: one block of queries against a range of keys, with an online softmax
// ("FlashAttention", Dao et al. 2022), in float32.
#pragma once

#include <cstdint>

namespace vitok {

// Keys are laid out in panels of this many, and rows of values are filled up to a multiple of kValueColumns.
inline constexpr int64_t kKeyPanel = 32;
inline constexpr int64_t kValueColumns = 16;
// Queries of a block, and keys whose scores are held at once: 64 KiB of scores, well inside a second-level cache.
inline constexpr int64_t kQueryBlock = 64;
inline constexpr int64_t kKeyBlock = 256;

// One head of one image. Everything contiguous float32.
struct AttentionBlock {
  const float* query;   // [kQueryBlock, D], scaled by log2(e) / sqrt(D); rows beyond the image are 0
  const float* key;     // [ceil(N / kKeyPanel), D, kKeyPanel]: panels of keys, the last filled up with 0
  const float* value;   // [ceil(N / kKeyPanel) · kKeyPanel, Dv], filled up with 0
  int64_t head_dim;     // D
  int64_t padded_dim;   // Dv: D rounded up to kValueColumns
  int64_t tokens;       // N
  int64_t first_query;  // index of the block's first query in the image
  int64_t window;       // query i sees key j iff |i - j| <= window
  float* score;         // scratch [kQueryBlock, kKeyBlock]
  float* out;           // result [kQueryBlock, Dv]
};

// Computes block.out for the instruction set of this machine. Rows beyond the image hold no meaning.
void RunAttentionBlock(const AttentionBlock& block);

}  // namespace vitok
