// Times packed attention on a GPU beside ATen's flash attention, at the shapes of docs/PERFORMANCE.md. A line of JSON a
// shape: medians by CUDA events, and TFLOP/s of the pairs that are computed. mean_ms, quantize_ms, add_mean_ms: the
// passes around *_fp8, which are not in it (core/ops/quantize_qkv.h).
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "core/base/log.h"
#include "core/ops/quantize_qkv.h"
#include "core/ops/varlen_attention.h"
#include "nlohmann/json.hpp"
#include "tests/bench/cuda_timer.h"

namespace vitok {
namespace {

struct Shape {
  int64_t heads;
  int64_t head_dim;
  int64_t hidden;  // MLP columns beside the queries, keys and values
  int64_t images;
  int64_t tokens;      // of an image
  int64_t token_step;  // each image has so many tokens less than the one before, not below 64; 0: all alike
  std::optional<int64_t> window;
};

void Run(const Shape& shape) {
  const int64_t width = shape.heads * shape.head_dim;
  std::vector<int64_t> offsets = {0};
  double pairs = 0;
  for (int64_t i = 0; i < shape.images; ++i) {
    const int64_t tokens = std::max<int64_t>(64, shape.tokens - i * shape.token_step);
    offsets.push_back(offsets.back() + tokens);
    const auto n = static_cast<double>(tokens);
    const double reach = static_cast<double>(std::min(shape.window.value_or(tokens), tokens - 1));
    pairs += n * (2 * reach + 1) - reach * (reach + 1);
  }
  const auto options = at::TensorOptions().device(at::kCUDA).dtype(at::kBFloat16);
  const at::Tensor y = at::randn({offsets.back(), 3 * width + 2 * shape.hidden}, options);
  const at::Tensor qkv = y.narrow(1, 0, 3 * width).unflatten(1, {3, shape.heads, shape.head_dim});
  at::Tensor out = at::empty({offsets.back(), width + shape.hidden}, options)
                       .narrow(1, 0, width)
                       .unflatten(1, {shape.heads, shape.head_dim});
  const at::Tensor cu = at::tensor(offsets, at::kInt).to(at::kCUDA);

  const double flops = 4.0 * static_cast<double>(width) * pairs;
  nlohmann::json line = {{"heads", shape.heads},
                         {"head_dim", shape.head_dim},
                         {"images", shape.images},
                         {"tokens", shape.tokens},
                         {"total_tokens", offsets.back()},
                         {"equal", shape.token_step == 0},
                         {"window", shape.window.value_or(0)}};
  const auto add = [&](const std::string& name, double ms) {
    line[name + "_ms"] = ms;
    line[name + "_tflops"] = flops / ms * 1e-9;
  };
  const auto time = [&](const at::Tensor& qkv_T3HD, at::Tensor result, const AttentionBatch& batch) {
    const at::Tensor q = qkv_T3HD.select(1, 0), k = qkv_T3HD.select(1, 1), v = qkv_T3HD.select(1, 2);
    const auto attention = PrepareAttention(q, k, v, batch, result);
    if (attention == nullptr) return;
    add(std::string(AttentionPathName(attention->path())),
        MedianMs([&] { attention->Run(q, k, v, result); }, 10, 0.05));
  };
  const AttentionBatch batch{.offsets = offsets, .window = shape.window, .cu_I1 = cu};
  AttentionBatch never_dense = batch;
  --never_dense.offsets.back();
  never_dense.cu_I1 = at::tensor(never_dense.offsets, at::kInt).to(at::kCUDA);
  time(qkv, out, batch);
  time(qkv, out, never_dense);
  at::Tensor qkv8_TQ = at::empty({offsets.back(), 3 * width}, options.dtype(at::kFloat8_e4m3fn));
  const at::Tensor qkv_TQ = y.narrow(1, 0, 3 * width);
  std::vector<TokenRange> images;
  for (size_t i = 0; i + 1 < offsets.size(); ++i) images.push_back({offsets[i], offsets[i + 1] - offsets[i]});
  const at::Tensor mean_IW = MeanValues(qkv_TQ.narrow(1, 2 * width, width), images);
  QuantizedRows rows = QuantizedRows::Empty(offsets.back(), width + shape.hidden, at::kCUDA);
  rows.values_TK = rows.values_TK.narrow(1, 0, width);
  rows.scale_T1.fill_(1.0f / 16);
  line["mean_ms"] = MedianMs([&] { MeanValues(qkv_TQ.narrow(1, 2 * width, width), images); }, 10, 0.05);
  line["quantize_ms"] = MedianMs([&] { QuantizeQkv(qkv_TQ, images, mean_IW, 1.0f / 16, qkv8_TQ); }, 10, 0.05);
  line["add_mean_ms"] = MedianMs([&] { AddMeanValues(images, mean_IW, 1.0f / 16, rows); }, 10, 0.05);
  const at::Tensor qkv8 = qkv8_TQ.unflatten(1, {3, shape.heads, shape.head_dim});
  const at::Tensor out8 = rows.values_TK.unflatten(1, {shape.heads, shape.head_dim});
  time(qkv8, out8, batch);
  time(qkv8, out8, never_dense);
  add("flash", MedianMs(
                   [&] {
                     out.copy_(std::get<0>(at::_flash_attention_forward(
                         qkv.select(1, 0), qkv.select(1, 1), qkv.select(1, 2), cu, cu, shape.tokens, shape.tokens, 0.0,
                         false, false, {}, shape.window, shape.window)));
                   },
                   5, 0.05));
  std::cout << line << std::endl;
}

}  // namespace
}  // namespace vitok

int main() {
  if (!at::hasCUDA()) {
    std::cerr << "attention_bench: no GPU on this machine\n";
    return 1;
  }
  vitok::InitLogging({}).IgnoreError();
  const c10::InferenceMode inference_mode;
  for (const vitok::Shape& shape : std::vector<vitok::Shape>{{16, 64, 2736, 500, 256, 0, {}},
                                                             {16, 64, 2736, 128, 1024, 0, {}},
                                                             {16, 64, 2736, 300, 1024, 3, {}},
                                                             {16, 64, 2736, 64, 2048, 0, {}},
                                                             {16, 64, 2736, 16, 4096, 0, {}},
                                                             {16, 64, 2736, 4, 16384, 0, {}},
                                                             {16, 64, 2736, 4, 16384, 0, 512},
                                                             {16, 64, 2736, 1, 65536, 0, {}},
                                                             {16, 64, 2736, 1, 65536, 0, 512},
                                                             {16, 64, 2736, 1, 256, 0, {}},
                                                             {24, 72, 4608, 64, 256, 0, {}},
                                                             {24, 128, 8208, 64, 256, 0, {}},
                                                             {24, 128, 8208, 8, 2304, 0, {}},
                                                             {24, 128, 8208, 4, 4096, 0, {}},
                                                             {24, 128, 8208, 4, 4096, 0, 512}}) {
    vitok::Run(shape);
  }
  return 0;
}
