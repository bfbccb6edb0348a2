// Which plan computes attention over a packed batch: a plan is built once for a shape (tens to hundreds of
// milliseconds) and then serves every batch that fits it, so shapes are rounded up to a few sizes. Free of torch and
// CUDA.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace vitok {

// Ways to compute attention over a packed batch.
enum class AttentionPath : uint8_t {
  kCpu,       // the fused CPU kernel
  kDense,     // cuDNN over images of one length
  kPacked,    // cuDNN over images of any lengths
  kFlash,     // ATen's flash attention over images of any lengths
  kPerImage,  // ATen's scaled_dot_product_attention, an image at a time
  kDenseFp8,  // kDense and kPacked with queries, keys, values and result in e4m3
  kPackedFp8,
  kShort,  // a kernel for batches of few tokens (core/ops/short_block.h)
};
inline constexpr int kNumAttentionPaths = 8;

// "cpu", "dense", "packed", "flash", "per_image", "dense_fp8", "packed_fp8", "short".
std::string_view AttentionPathName(AttentionPath path);

// What queries, keys, values and the result are.
enum class AttentionDType : uint8_t { kBfloat16, kE4m3 };

// The images of a batch, as far as a plan depends on them.
struct AttentionImages {
  int64_t images = 0;
  int64_t max_tokens = 0;      // of the longest image
  bool equal_lengths = false;  // every image has max_tokens
};

// Elements from one token or head to the next. Queries, keys and values share theirs.
struct AttentionStrides {
  int64_t in_token = 0;
  int64_t in_head = 0;
  int64_t out_token = 0;
  int64_t out_head = 0;

  friend auto operator<=>(const AttentionStrides&, const AttentionStrides&) = default;
};

inline constexpr int64_t kFullAttention = -1;

// What a plan is built for.
struct AttentionPlanKey {
  AttentionDType dtype = AttentionDType::kBfloat16;
  int64_t heads = 0;
  int64_t head_dim = 0;
  int64_t window = kFullAttention;  // tokens to each side
  AttentionStrides strides;
  bool packed = false;
  int64_t image_slots = 0;  // packed: images at most, spare slots have length 0; else exactly so many images
  int64_t max_tokens = 0;   // packed: of an image at most; else exactly so many in each image

  friend auto operator<=>(const AttentionPlanKey&, const AttentionPlanKey&) = default;
};

// How a plan computes: kDense, kPacked or one of their forms in fp8.
AttentionPath PathOf(const AttentionPlanKey& key);

// The least size of a plan that takes `images`: 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, ... Spare slots cost next
// to nothing. REQUIRES: images >= 1.
int64_t ImageSlots(int64_t images);

// Likewise for the tokens of the longest image: 128, 256, 384, 512, 640, 768, 896, 1024, 1280, ... REQUIRES: tokens >=
// 1.
int64_t TokenBucket(int64_t tokens);

// Whether a dense plan should compute this batch: a quarter faster at 256 tokens, a tenth at 4096. Lengths that are no
// multiple of 64 go packed, because every length needs a dense plan of its own.
bool PrefersDense(const AttentionImages& images);

// The tokens from which on an image's attention is faster in e4m3 than in bfloat16, the pass that quantises queries,
// keys and values included. nullopt: never, as under a window, where cuDNN's plans of fp8 are not used
// (varlen_attention.h).
std::optional<int64_t> LeastFp8Tokens(int64_t head_dim, std::optional<int64_t> window);

// How many of a plan's heads should run at a time, a divisor of all. The plans of fp8 work on all heads at once, and
// slow down where the keys and values of very long images do not fit the GPU's cache together.
int64_t HeadsAtATime(const AttentionPlanKey& key);

// The sizes of the dense plans that compute a batch of `images` one after the other. They have no spare slots, so a
// batch is cut into at most one run of each binary order, with up to 16 sizes an order: 16 -> {16}, 500 -> {496, 4}.
std::vector<int64_t> DenseRuns(int64_t images);

}  // namespace vitok
