#include "core/ops/qk_norm_rope_swiglu_cuda.h"

#include "core/ops/launch_cuda.h"
#include "core/ops/qk_norm_rope_swiglu.h"
#include "core/ops/qkv_swiglu.h"
#include "core/ops/rms_norm.h"

namespace vitok {
namespace {

constexpr int64_t kMaxHeadDim = 8192;  // its rotation fits a block's shared memory

// Checks all inputs; the caller fills in the output.
QkNormRopeSwiGluArgs ArgsOf(at::Tensor& y_TP, int64_t heads, const at::Tensor& weight_q_D, const at::Tensor& weight_k_D,
                            const RopePositions& positions, int64_t hidden, MlpColumns columns) {
  const int64_t tokens = y_TP.size(0);
  const int64_t head_dim = weight_q_D.size(0);
  TORCH_CHECK(head_dim % 4 == 0 && head_dim <= kMaxHeadDim, "head_dim must be a multiple of 4, at most ", kMaxHeadDim,
              "; was ", head_dim);
  CheckRows(y_TP, at::kBFloat16, {tokens, 3 * heads * head_dim + 2 * hidden});
  CheckRows(weight_q_D, at::kBFloat16, {head_dim});
  CheckRows(weight_k_D, at::kBFloat16, {head_dim});
  CheckRows(positions.row_T, at::kInt, {tokens});
  CheckRows(positions.col_T, at::kInt, {tokens});
  CheckRows(positions.frequency_F, at::kFloat, {head_dim / 4});
  const bool in_turns = columns == MlpColumns::kInterleaved;
  TORCH_CHECK(!in_turns || hidden % kMlpGroup == 0, "hidden must be a multiple of ", kMlpGroup, "; was ", hidden);
  return {.y = y_TP.mutable_data_ptr(),
          .y_stride = y_TP.stride(0),
          .tokens = tokens,
          .heads = static_cast<int>(heads),
          .head_dim = static_cast<int>(head_dim),
          .hidden = static_cast<int>(hidden),
          .group_stride = static_cast<int>(in_turns ? 2 * kMlpGroup : kMlpGroup),
          .gate_offset = static_cast<int>(in_turns ? kMlpGroup : hidden),
          .weight_q = weight_q_D.const_data_ptr(),
          .weight_k = weight_k_D.const_data_ptr(),
          .row = positions.row_T.const_data_ptr<int32_t>(),
          .col = positions.col_T.const_data_ptr<int32_t>(),
          .frequency = positions.frequency_F.const_data_ptr<float>(),
          .eps = static_cast<float>(kNormEps)};
}

void Run(const at::Tensor& y_TP, const QkNormRopeSwiGluArgs& args) {
  LaunchOn(y_TP, [&](cudaStream_t stream) { return LaunchQkNormRopeSwiGlu(args, stream); });
}

}  // namespace

void QkNormRopeSwiGluCuda(at::Tensor& y_TP, int64_t heads, const at::Tensor& weight_q_D, const at::Tensor& weight_k_D,
                          const RopePositions& positions, at::Tensor& hidden_Th, MlpColumns columns) {
  if (y_TP.size(0) == 0) return;
  QkNormRopeSwiGluArgs args = ArgsOf(y_TP, heads, weight_q_D, weight_k_D, positions, hidden_Th.size(1), columns);
  CheckRows(hidden_Th, at::kBFloat16, {y_TP.size(0), hidden_Th.size(1)});
  args.out = hidden_Th.mutable_data_ptr();
  args.out_stride = hidden_Th.stride(0);
  Run(y_TP, args);
}

void QkNormRopeSwiGluCuda(at::Tensor& y_TP, int64_t heads, const at::Tensor& weight_q_D, const at::Tensor& weight_k_D,
                          const RopePositions& positions, QuantizedRows& hidden, float least_amax, MlpColumns columns) {
  if (y_TP.size(0) == 0) return;
  QkNormRopeSwiGluArgs args = ArgsOf(y_TP, heads, weight_q_D, weight_k_D, positions, hidden.values_TK.size(1), columns);
  CheckRows(hidden.values_TK, at::kFloat8_e4m3fn, {y_TP.size(0), hidden.values_TK.size(1)});
  CheckRows(hidden.scale_T1, at::kFloat, {y_TP.size(0), 1});
  TORCH_CHECK(hidden.scale_T1.is_contiguous(), "scales must be contiguous");
  args.out = hidden.values_TK.mutable_data_ptr();
  args.out_stride = hidden.values_TK.stride(0);
  args.scale = hidden.scale_T1.mutable_data_ptr<float>();
  args.least_amax = least_amax;
  Run(y_TP, args);
}

}  // namespace vitok
