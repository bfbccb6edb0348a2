#include "core/ops/short_block_cuda.h"

#include <ATen/cuda/CUDAContext.h>

#include "core/ops/launch_cuda.h"
#include "core/ops/qkv_swiglu.h"
#include "core/ops/rms_norm.h"
#include "core/ops/short_block.h"

namespace vitok {

bool HasShortBlockKernels(const ShortBlockWeights& weights, int64_t tokens) {
  const at::Tensor& out_WK = weights.out_WK;
  if (!out_WK.is_cuda() || out_WK.scalar_type() != at::kBFloat16 || tokens < 1 || tokens > kShortRows) return false;
  const cudaDeviceProp* const device = at::cuda::getDeviceProperties(out_WK.device().index());
  const int64_t width = out_WK.size(0), hidden = out_WK.size(1) - width;
  return device->major == 9 && device->minor == 0 && weights.norm_q_D.size(0) == kShortHeadDim &&
         width % kShortWidth == 0 && hidden > 0 && hidden % kMlpGroup == 0;
}

void ShortBlock(const ShortBlockWeights& weights, const RopePositions& positions, const at::Tensor& cu_I1,
                at::Tensor& x_TW, ShortBlockScratch& scratch) {
  const int64_t tokens = x_TW.size(0), width = x_TW.size(1), hidden = scratch.out_TK.size(1) - width;
  TORCH_CHECK(HasShortBlockKernels(weights, tokens), "no kernels for ", tokens, " tokens");
  CheckRows(weights.in_PW, at::kBFloat16, {3 * width + 2 * hidden, width});
  CheckRows(weights.out_WK, at::kBFloat16, {width, width + hidden});
  CheckRows(weights.norm_q_D, at::kBFloat16, {kShortHeadDim});
  CheckRows(weights.norm_k_D, at::kBFloat16, {kShortHeadDim});
  CheckRows(positions.row_T, at::kInt, {tokens});
  CheckRows(positions.col_T, at::kInt, {tokens});
  CheckRows(positions.frequency_F, at::kFloat, {kShortHeadDim / 4});
  CheckRows(cu_I1, at::kInt, {cu_I1.numel()});
  CheckRows(x_TW, at::kBFloat16, {tokens, width});
  CheckRows(scratch.qkv_TQ, at::kBFloat16, {tokens, 3 * width});
  CheckRows(scratch.out_TK, at::kBFloat16, {tokens, width + hidden});
  TORCH_CHECK(weights.in_PW.is_contiguous() && weights.out_WK.is_contiguous(), "weights must be contiguous");
  for (const at::Tensor& rows : {weights.in_PW, weights.out_WK, x_TW, scratch.qkv_TQ, scratch.out_TK}) {
    TORCH_CHECK(reinterpret_cast<uintptr_t>(rows.const_data_ptr()) % 16 == 0 && rows.stride(0) % 8 == 0,
                "rows must begin at 16-byte boundaries");
  }
  if (!scratch.squares.defined()) {
    scratch.squares = at::empty({width / kShortColumns, kShortRows}, x_TW.options().dtype(at::kFloat));
  }
  const ShortBlockArgs args{.x = x_TW.mutable_data_ptr(),
                            .x_stride = x_TW.stride(0),
                            .squares = scratch.squares.mutable_data_ptr<float>(),
                            .tokens = static_cast<int>(tokens),
                            .width = static_cast<int>(width),
                            .hidden = static_cast<int>(hidden),
                            .eps = static_cast<float>(kNormEps),
                            .in_weight = weights.in_PW.const_data_ptr(),
                            .qkv = scratch.qkv_TQ.mutable_data_ptr(),
                            .qkv_stride = scratch.qkv_TQ.stride(0),
                            .norm_q = weights.norm_q_D.const_data_ptr(),
                            .norm_k = weights.norm_k_D.const_data_ptr(),
                            .row = positions.row_T.const_data_ptr<int32_t>(),
                            .col = positions.col_T.const_data_ptr<int32_t>(),
                            .frequency = positions.frequency_F.const_data_ptr<float>(),
                            .out = scratch.out_TK.mutable_data_ptr(),
                            .out_stride = scratch.out_TK.stride(0),
                            .cu = cu_I1.const_data_ptr<int32_t>(),
                            .images = static_cast<int>(cu_I1.size(0)) - 1,
                            .out_weight = weights.out_WK.const_data_ptr()};
  LaunchOn(x_TW, [&](cudaStream_t stream) {
    cudaError_t error = scratch.squared ? cudaSuccess : LaunchShortSquares(args, stream);
    for (const auto launch : {LaunchShortIn, LaunchShortAttention, LaunchShortOut}) {
      if (error == cudaSuccess) error = launch(args, stream);
    }
    return error;
  });
  scratch.squared = true;
}

}  // namespace vitok
