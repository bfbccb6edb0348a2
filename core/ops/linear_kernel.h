// The inner part of linear layers on the CPU: rows of float32 times a weight laid out for the kernel, with what follows
// the product done while the result is in registers. Free of torch.
#pragma once

#include <cstdint>

namespace vitok {

// Columns of the result that are computed together: weights are laid out in panels of this many.
inline constexpr int64_t kLinearPanel = 32;

// y = scale · (x · W) + bias for some rows; what each function below does with it. Everything float32. A row's result
// depends on that row alone, bit for bit, however many rows come with it.
struct LinearRows {
  const float* x;  // [rows, K]
  int64_t x_stride;
  int64_t rows;
  int64_t inputs;       // K
  const float* weight;  // [ceil(M / kLinearPanel), K, kLinearPanel], the last panel filled up with 0
  int64_t outputs;      // M
  const float* scale;   // [rows]; nullptr: 1
  const float* bias;    // [M rounded up to kLinearPanel]; nullptr: 0
  float* y;             // [rows, M]
  int64_t y_stride;
};

// y = scale · (x · W) + bias
void RunLinear(const LinearRows& rows);

// y += scale · (x · W) + bias
void RunLinearAdd(const LinearRows& rows);

// y = v · silu(g), where panels of W hold half a panel of columns of v, then the same columns of g (each with scale and
// bias); `outputs` is the number of columns of y.
void RunLinearSwiGlu(const LinearRows& rows);

}  // namespace vitok
