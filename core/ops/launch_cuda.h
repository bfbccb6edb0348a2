// What every wrapper of a CUDA kernel does: checks its tensors, launches on the current stream of their device, and
// turns an error of the launch into a c10::AcceleratorError, which is what a failed device is known by.
#pragma once

#include <ATen/ATen.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include <limits>

namespace vitok {

// A CUDA tensor of this dtype and shape, its last dimension contiguous.
inline void CheckRows(const at::Tensor& tensor, at::ScalarType dtype, at::IntArrayRef shape) {
  TORCH_CHECK(tensor.is_cuda() && tensor.scalar_type() == dtype && tensor.sizes() == shape &&
                  (tensor.size(-1) == 1 || tensor.stride(-1) == 1),
              "expected rows of ", dtype, " ", shape, " on a GPU; got ", tensor.scalar_type(), " ", tensor.sizes(),
              " with strides ", tensor.strides(), " on ", tensor.device());
  TORCH_CHECK(tensor.size(0) <= std::numeric_limits<int32_t>::max(), "too many rows: ", tensor.size(0));
}

// launch: cudaError_t(cudaStream_t)
template <typename Launch>
void LaunchOn(const at::Tensor& tensor, const Launch& launch) {
  const c10::cuda::CUDAGuard guard(tensor.device());
  C10_CUDA_CHECK(launch(c10::cuda::getCurrentCUDAStream().stream()));
}

}  // namespace vitok
