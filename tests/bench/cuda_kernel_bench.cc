// Times the CUDA kernels and products of a transformer block by CUDA events: one JSON line each with the median time
// and what it moves (bytes read and written once) or computes, beside a copy on the device.
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <string>

#include "core/ops/cuda_linear.h"
#include "core/ops/qk_norm_rope_swiglu.h"
#include "core/ops/qkv_swiglu.h"
#include "core/ops/residual_norm.h"
#include "tests/bench/cuda_timer.h"

namespace vitok {
namespace {

struct Options {
  int64_t tokens = 128000;
  int64_t width = 1024;
  int64_t hidden = 2736;
  int64_t heads = 16;
  int runs = 30;
};

class Bench {
 public:
  explicit Bench(const Options& options) : o_(options) {}

  void Run() {
    const auto bf16 = at::TensorOptions(at::kCUDA).dtype(at::kBFloat16);
    const int64_t T = o_.tokens, W = o_.width, h = o_.hidden, P = 3 * W + 2 * h, D = W / o_.heads;
    at::Tensor x = at::randn({T, W}, bf16), r = at::randn({T, W}, bf16) * 0.01, normed = at::empty({T, W}, bf16);
    at::Tensor y = at::randn({T, P}, bf16), out = at::randn({T, W + h}, bf16), copy = at::empty_like(y);
    QuantizedRows normed8 = QuantizedRows::Empty(T, W, at::kCUDA), out8 = QuantizedRows::Empty(T, W + h, at::kCUDA);
    const at::Tensor norm_q = at::rand({D}, bf16) + 0.5, norm_k = at::rand({D}, bf16) + 0.5;
    const auto index = at::TensorOptions(at::kCUDA).dtype(at::kInt);
    const RopePositions positions{at::randint(0, 16, {T}, index), at::randint(0, 16, {T}, index),
                                  RopeFrequencies(D, at::kCUDA)};

    Bytes("device copy", 4 * T * P, [&] { copy.copy_(y); });
    copy = at::Tensor();
    Bytes("norm", 4 * T * W, [&] { ResidualNormInto(x, {}, normed); });
    Bytes("residual + norm + quantise", 7 * T * W, [&] { ResidualNormInto(x, r, normed8); });
    at::Tensor hidden = out.narrow(1, W, h);
    Bytes("qk-norm + RoPE + SwiGLU", T * (8 * W + 6 * h),
          [&] { QkNormRopeSwiGlu(y, o_.heads, norm_q, norm_k, positions, hidden); });
    at::Tensor qkv = y.narrow(1, 0, 3 * W).contiguous(), no_hidden = hidden.narrow(1, 0, 0);
    Bytes("qk-norm + RoPE", 8 * T * W, [&] { QkNormRopeSwiGlu(qkv, o_.heads, norm_q, norm_k, positions, no_hidden); });
    QuantizedRows hidden8{out8.values_TK.narrow(1, W, h), out8.scale_T1};
    Bytes("qk-norm + RoPE + SwiGLU + quantise", T * (8 * W + 5 * h),
          [&] { QkNormRopeSwiGlu(y, o_.heads, norm_q, norm_k, positions, hidden8, 10); });
    QuantizedRows attended8{out8.values_TK.narrow(1, 0, W), out8.scale_T1};
    Bytes("quantise attention, scales given", 3 * T * W, [&] { QuantizeRowsBy(r, attended8); });
    Bytes("quantise [attention | hidden]", 3 * T * (W + h), [&] { QuantizeRowsInto(out, out8); });

    const at::Tensor in_weight = at::randn({P, W}, bf16) * 0.03, out_weight = at::randn({W, W + h}, bf16) * 0.01;
    const Bfloat16Linear in(in_weight), back(out_weight);
    const Fp8Linear in8(in_weight), back8(out_weight);
    Flops("bf16 product in", 2 * T * W * P, [&] { in.Into(normed, y); });
    const at::Tensor turned = InterleaveMlp(in_weight, h);
    Flops("bf16 product in + qk-norm + RoPE + SwiGLU", 2 * T * W * P,
          [&] { QkvSwiGlu(normed, turned, o_.heads, norm_q, norm_k, positions, qkv, hidden); });
    Flops("bf16 product out", 2 * T * W * (W + h), [&] { back.AddTo(out, x); });
    Flops("fp8 product in", 2 * T * W * P, [&] { in8.Into(normed8, y); });
    const Fp8Linear turned8(turned);
    at::Tensor mlp = hidden.contiguous();
    Flops("fp8 product in + qk-norm + RoPE + SwiGLU", 2 * T * W * P,
          [&] { QkvSwiGlu(normed8, turned8.weight(), o_.heads, norm_q, norm_k, positions, qkv, mlp); });
    Bytes("quantise hidden", 3 * T * h, [&] { QuantizeRowsInto(mlp, hidden8, 10); });
    Flops("fp8 product out", 2 * T * W * (W + h), [&] { back8.Into(out8, r); });
  }

 private:
  void Bytes(const char* name, int64_t bytes, const std::function<void()>& work) const {
    const double ms = MedianMs(work, o_.runs, /*seconds=*/0);
    std::printf("{\"kernel\": \"%s\", \"tokens\": %ld, \"ms\": %.4f, \"gb_per_s\": %.0f}\n", name, long{o_.tokens}, ms,
                bytes / ms * 1e-6);
  }

  void Flops(const char* name, int64_t flops, const std::function<void()>& work) const {
    const double ms = MedianMs(work, o_.runs, /*seconds=*/0);
    std::printf("{\"kernel\": \"%s\", \"tokens\": %ld, \"ms\": %.4f, \"tflop_per_s\": %.0f}\n", name, long{o_.tokens},
                ms, flops / ms * 1e-9);
  }

  Options o_;
};

}  // namespace
}  // namespace vitok

int main(int argc, char** argv) {
  CLI::App app("Times the CUDA kernels of a transformer block; needs a GPU");
  vitok::Options options;
  app.add_option("--tokens", options.tokens, "tokens of the batch")->capture_default_str();
  app.add_option("--width", options.width, "W")->capture_default_str();
  app.add_option("--hidden", options.hidden, "h, hidden size of the MLP")->capture_default_str();
  app.add_option("--heads", options.heads, "attention heads")->capture_default_str();
  app.add_option("--runs", options.runs, "timed runs, of which the median counts")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (!at::hasCUDA()) {
    std::fprintf(stderr, "no GPU on this machine\n");
    return 1;
  }
  const c10::InferenceMode inference;
  vitok::Bench(options).Run();
  return 0;
}
