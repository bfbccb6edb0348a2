// As in bfloat16; the tile and the cluster are the fastest of those in docs/PERFORMANCE.md.
#include "core/ops/qkv_swiglu_cuda.cuh"

namespace vitok {

cudaError_t LaunchQkvSwiGluE4m3(const QkvSwiGluArgs& args, cudaStream_t stream) {
  using Tile = cute::Shape<cute::_128, cute::_128, cute::_128>;
  return qkv_swiglu::Product<cutlass::float_e4m3_t, Tile,
                             cutlass::gemm::KernelTmaWarpSpecializedPingpongFP8FastAccum>::Launch(args, stream);
}

}  // namespace vitok
