// When the fused kernels run, and how the CPU ones are compiled.
#pragma once

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cstdint>

// Compiles a function for several instruction sets and picks one when the program starts, so that one binary is fast on
// every x86-64 machine. Sanitized builds take the plain form: the picking runs before their runtime is up.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define VITOK_MULTIVERSION __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VITOK_MULTIVERSION
#endif

namespace vitok {

// Rows a parallel task takes at least, so that a task does some 16 K values of work.
inline int64_t RowGrain(int64_t row_values) { return std::max<int64_t>(1, 16384 / std::max<int64_t>(1, row_values)); }

// True if a fused CPU kernel may take `x`: float32 or bfloat16 on the CPU, last dimension contiguous, no gradient asked
// for.
inline bool UseCpuKernel(const at::Tensor& x) {
  return x.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) &&
         (x.dim() == 0 || x.stride(-1) == 1) && !(c10::GradMode::is_enabled() && x.requires_grad());
}

// The same for a CUDA kernel: bfloat16 on a GPU.
inline bool UseCudaKernel(const at::Tensor& x) {
  return x.is_cuda() && x.scalar_type() == at::kBFloat16 && x.stride(-1) == 1 &&
         !(c10::GradMode::is_enabled() && x.requires_grad());
}

}  // namespace vitok
