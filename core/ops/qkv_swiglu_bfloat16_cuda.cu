// The tile and the cluster are the fastest of those in docs/PERFORMANCE.md.
#include "core/ops/qkv_swiglu_cuda.cuh"

namespace vitok {

cudaError_t LaunchQkvSwiGluBfloat16(const QkvSwiGluArgs& args, cudaStream_t stream) {
  using Tile = cute::Shape<cute::_128, cute::_192, cute::_64>;
  return qkv_swiglu::Product<cutlass::bfloat16_t, Tile, cutlass::gemm::KernelTmaWarpSpecializedPingpong>::Launch(
      args, stream);
}

}  // namespace vitok
