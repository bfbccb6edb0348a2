// Packed attention on the CPU: keys and values of every image and head are laid out for the block kernel once, then
// blocks of queries are worked on in parallel. Computes in float32 whatever the dtype.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "core/ops/attention_kernel.h"
#include "core/ops/float_rows.h"
#include "core/ops/parallel.h"
#include "core/ops/round_up.h"
#include "core/ops/varlen_attention.h"

namespace vitok {
namespace {

// A [T, H, D] tensor with D contiguous.
template <typename T>
struct View {
  T* data;
  int64_t token_stride;
  int64_t head_stride;

  explicit View(const at::Tensor& x_THD)
      : data(static_cast<T*>(x_THD.data_ptr())), token_stride(x_THD.stride(0)), head_stride(x_THD.stride(1)) {}

  T* Row(int64_t token, int64_t head) const { return data + token * token_stride + head * head_stride; }
};

// Images and heads of a batch, cut into work: where each image's keys lie in the laid-out buffers, and its query
// blocks.
struct Plan {
  struct Image {
    int64_t first_token;
    int64_t tokens;
    int64_t first_row;  // in the laid-out keys and values; a multiple of kKeyPanel
  };
  struct Block {
    int64_t image;
    int64_t first_query;
  };

  std::vector<Image> images;
  std::vector<Block> blocks;
  int64_t rows = 0;

  explicit Plan(const std::vector<int64_t>& offsets) {
    for (size_t i = 0; i + 1 < offsets.size(); ++i) {
      const int64_t tokens = offsets[i + 1] - offsets[i];
      images.push_back({offsets[i], tokens, rows});
      rows += RoundUp(tokens, kKeyPanel);
      for (int64_t query = 0; query < tokens; query += kQueryBlock) {
        blocks.push_back({static_cast<int64_t>(i), query});
      }
    }
  }
};

// Lays out one head of one image as AttentionBlock wants it.
template <typename T>
void LayOut(const Plan::Image& image, const View<const T>& k, const View<const T>& v, int64_t head, int64_t dim,
            int64_t padded_dim, float* key, float* value) {
  for (int64_t t = 0; t < RoundUp(image.tokens, kKeyPanel); ++t) {
    float* const key_column = key + t / kKeyPanel * dim * kKeyPanel + t % kKeyPanel;
    float* const value_row = value + t * padded_dim;
    if (t >= image.tokens) {
      for (int64_t d = 0; d < dim; ++d) key_column[d * kKeyPanel] = 0;
      std::fill_n(value_row, padded_dim, 0.0f);
      continue;
    }
    const T* const key_row = k.Row(image.first_token + t, head);
    const T* const source = v.Row(image.first_token + t, head);
    for (int64_t d = 0; d < dim; ++d) key_column[d * kKeyPanel] = LoadFloat(key_row + d);
    for (int64_t d = 0; d < dim; ++d) value_row[d] = LoadFloat(source + d);
    std::fill(value_row + dim, value_row + padded_dim, 0.0f);
  }
}

// Kept by each thread of the pool: 72 KiB for heads of 64, not worth an allocation for every block.
std::vector<float>& ThreadBuffer() {
  thread_local std::vector<float> buffer;
  return buffer;
}

template <typename T>
void Attend(const at::Tensor& q_THD, const at::Tensor& k_THD, const at::Tensor& v_THD, const Plan& plan, int64_t window,
            at::Tensor& out_THD) {
  const int64_t heads = q_THD.size(1);
  const int64_t dim = q_THD.size(2);
  const int64_t padded_dim = RoundUp(dim, kValueColumns);
  const View<const T> q(q_THD);
  const View<const T> k(k_THD);
  const View<const T> v(v_THD);
  const View<T> out(out_THD);
  const at::Tensor keys = at::empty({heads, plan.rows, dim}, at::kFloat);
  const at::Tensor values = at::empty({heads, plan.rows, padded_dim}, at::kFloat);
  float* const key = keys.data_ptr<float>();
  float* const value = values.data_ptr<float>();

  const auto num_images = static_cast<int64_t>(plan.images.size());
  ForEachInParallel(num_images * heads, [&](int64_t i) {
    const Plan::Image& image = plan.images[i % num_images];
    const int64_t row = i / num_images * plan.rows + image.first_row;
    LayOut<T>(image, k, v, i / num_images, dim, padded_dim, key + row * dim, value + row * padded_dim);
  });

  const auto num_blocks = static_cast<int64_t>(plan.blocks.size());
  const float scale = std::numbers::log2e_v<float> / std::sqrt(static_cast<float>(dim));
  ForEachInParallel(num_blocks * heads, [&](int64_t i) {
    std::vector<float>& buffer = ThreadBuffer();
    buffer.resize(std::max<size_t>(buffer.size(), kQueryBlock * (dim + kKeyBlock + padded_dim)));
    float* const query = buffer.data();
    float* const score = query + kQueryBlock * dim;
    float* const result = score + kQueryBlock * kKeyBlock;
    const Plan::Block& block = plan.blocks[i % num_blocks];
    const Plan::Image& image = plan.images[block.image];
    const int64_t head = i / num_blocks;
    const int64_t queries = std::min(kQueryBlock, image.tokens - block.first_query);
    const int64_t token = image.first_token + block.first_query;
    for (int64_t j = 0; j < queries; ++j) {
      const T* const row = q.Row(token + j, head);
      for (int64_t d = 0; d < dim; ++d) query[j * dim + d] = LoadFloat(row + d) * scale;
    }
    std::fill(query + queries * dim, query + kQueryBlock * dim, 0.0f);
    const int64_t row = head * plan.rows + image.first_row;
    RunAttentionBlock({query, key + row * dim, value + row * padded_dim, dim, padded_dim, image.tokens,
                       block.first_query, window, score, result});
    for (int64_t j = 0; j < queries; ++j) {
      T* const target = out.Row(token + j, head);
      for (int64_t d = 0; d < dim; ++d) StoreFloat(result[j * padded_dim + d], target + d);
    }
  });
}

}  // namespace

void VarlenAttentionIntoCpu(const at::Tensor& q_THD, const at::Tensor& k_THD, const at::Tensor& v_THD,
                            const std::vector<int64_t>& offsets, std::optional<int64_t> window, at::Tensor& out_THD) {
  const Plan plan(offsets);
  const int64_t reach = window.value_or(q_THD.size(0));
  if (q_THD.scalar_type() == at::kFloat) {
    Attend<float>(q_THD, k_THD, v_THD, plan, reach, out_THD);
  } else {
    Attend<c10::BFloat16>(q_THD, k_THD, v_THD, plan, reach, out_THD);
  }
}

}  // namespace vitok
