// What goes into attention in e4m3 (core/ops/varlen_attention.h), and what becomes of its result.
//
// Queries and keys are normed and so of a known range, and e4m3 is a floating format: they are rounded as they are,
// exact to 2^-4 between 2^-6 and 448. Values are divided by a scale that their caller knows to bound them.
//
// What the values of an image have in common stays out of it: weights of a softmax sum to one, so for any vector m
//   attention(q, k, v) = attention(q, k, v - m) + m
// In e4m3 weights, values, sums and the result are rounded by a part of themselves. With m near the mean of the values
// that is a part of what distinguishes tokens, which in smooth pictures is little.
//
// Tensors are packed rows of tokens, of which those of `images` are read and written. An image's result does not depend
// on what else is in `images`.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "core/ops/quantize_rows.h"
#include "core/ops/token_range.h"

namespace vitok {

// For each image the mean of the values of the tokens SampledToken (core/ops/mean_samples.h): [images, W] float32; of
// an image without tokens, 0. v [T, W] bfloat16 or float32, rows with any stride.
at::Tensor MeanValues(const at::Tensor& v_TW, const std::vector<TokenRange>& images);

// e4m3(queries | keys | (values - mean) / value_scale), saturating. qkv [T, 3W] bfloat16 or float32, mean [images, W]
// float32, qkv8 [T, 3W] e4m3 on the same device, rows with any stride.
void QuantizeQkv(const at::Tensor& qkv_TQ, const std::vector<TokenRange>& images, const at::Tensor& mean_IW,
                 float value_scale, at::Tensor& qkv8_TQ);

// Takes the result of attention over those values, which has their scale, and adds the mean: rows of values
// e4m3((values · value_scale + mean) / rows.scale_T1), saturating. rows [T, W], any stride.
void AddMeanValues(const std::vector<TokenRange>& images, const at::Tensor& mean_IW, float value_scale,
                   QuantizedRows& rows);

// The definitions in ATen ops.
at::Tensor MeanValuesReference(const at::Tensor& v_TW, const std::vector<TokenRange>& images);
void QuantizeQkvReference(const at::Tensor& qkv_TQ, const std::vector<TokenRange>& images, const at::Tensor& mean_IW,
                          float value_scale, at::Tensor& qkv8_TQ);
void AddMeanValuesReference(const std::vector<TokenRange>& images, const at::Tensor& mean_IW, float value_scale,
                            QuantizedRows& rows);

// CUDA kernels. REQUIRES: UseCudaKernel(v and qkv), the others on that GPU.
at::Tensor MeanValuesCuda(const at::Tensor& v_TW, const std::vector<TokenRange>& images);
void QuantizeQkvCuda(const at::Tensor& qkv_TQ, const std::vector<TokenRange>& images, const at::Tensor& mean_IW,
                     float value_scale, at::Tensor& qkv8_TQ);
void AddMeanValuesCuda(const std::vector<TokenRange>& images, const at::Tensor& mean_IW, float value_scale,
                       QuantizedRows& rows);

}  // namespace vitok
