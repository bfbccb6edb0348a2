#include "core/ops/quantize_qkv.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/ops/e4m3.h"
#include "tests/support/cuda_test.h"
#include "tests/support/tensor_matchers.h"

namespace vitok {
namespace {

at::Tensor EmptyE4m3(at::IntArrayRef shape, at::Device device) {
  at::Tensor result = at::empty(shape, at::TensorOptions(at::kFloat8_e4m3fn).device(device));
  result.view(at::kByte).fill_(0x7f);  // NaN
  return result;
}

TEST(QuantizeQkv, ScalesTheValuesAloneAndSaturates) {
  at::Tensor qkv8 = EmptyE4m3({1, 6}, at::kCPU);
  QuantizeQkv(at::tensor({1.5f, -1000.0f, 0.25f, 2.0f, 3.0f, -1e6f}).view({1, 6}), 0.5f, qkv8);
  EXPECT_TRUE(IsNear(qkv8.to(at::kFloat), at::tensor({1.5f, -448.0f, 0.25f, 2.0f, 6.0f, -448.0f}).view({1, 6}), 0));
}

class CudaQuantizeQkvTest : public CudaTest {};

// Both round float32 products of the same two numbers once, so they are equal.
TEST_F(CudaQuantizeQkvTest, EqualsTheReferenceAtAnyWidth) {
  for (const int64_t width : {1, 7, 16, 24, 48, 192, 1024, 1728, 3072, 4096}) {
    for (const int64_t tokens : {1, 3, 5, 131}) {
      for (const int64_t spare : {0, 8, 3}) {  // columns before and after
        const at::Tensor qkv = Random({tokens, 3 * width + 2 * spare}, 10).narrow(1, spare, 3 * width);
        at::Tensor all = EmptyE4m3({tokens, 3 * width + 4 * spare}, at::kCUDA);
        at::Tensor actual = all.narrow(1, 2 * spare, 3 * width);
        at::Tensor expected = EmptyE4m3({tokens, 3 * width}, at::kCUDA);
        QuantizeQkv(qkv, 0.37f, actual);
        QuantizeQkvReference(qkv, 0.37f, expected);
        EXPECT_TRUE(at::equal(actual.to(at::kFloat), expected.to(at::kFloat)))
            << tokens << " x " << width << ", spare " << spare;
        EXPECT_EQ(all.to(at::kFloat).isnan().sum().item<int64_t>(), tokens * 4 * spare) << "writes its columns alone";
      }
    }
  }
}

TEST_F(CudaQuantizeQkvTest, TakesExtremes) {
  at::Tensor qkv = Random({4, 3 * 64});
  qkv[0].mul_(1e30);
  qkv[1].mul_(1e-30);
  qkv[2][5] = std::numeric_limits<float>::quiet_NaN();
  qkv[3].zero_();
  at::Tensor qkv8 = EmptyE4m3({4, 3 * 64}, at::kCUDA);
  QuantizeQkv(qkv, 2, qkv8);
  const at::Tensor values = qkv8.to(at::kFloat);
  EXPECT_EQ(values[0].abs().min().item<float>(), kE4m3Max);
  EXPECT_EQ(values[1].abs().max().item<float>(), 0);
  EXPECT_TRUE(values[2][5].isnan().item<bool>());
  EXPECT_EQ(values.isnan().sum().item<int64_t>(), 1) << "NaN must reach its own element alone";
  EXPECT_EQ(values[3].abs().max().item<float>(), 0);
}

}  // namespace
}  // namespace vitok
