#include "core/ops/quantize_rows.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/core/ops/cuda_checks.h"
#include "tests/support/tensor_matchers.h"

namespace vitok {
namespace {

TEST(QuantizeRows, AmaxOfARowBecomesTheLargestValueOfE4m3) {
  const at::Tensor x = at::tensor({1.0f, -2.0f, 0.5f, 0.0f, 0.0f, 0.0f}).view({2, 3});
  QuantizedRows rows = QuantizedRows::Empty(2, 3, at::kCPU);
  QuantizeRowsInto(x, rows);
  EXPECT_FLOAT_EQ(rows.scale_T1[0].item<float>(), 2.0f / 448);
  EXPECT_EQ(rows.values_TK.to(at::kFloat)[0][1].item<float>(), -448);
  EXPECT_TRUE(IsNear(rows.Dequantize(), x, 1e-6));
  EXPECT_GT(rows.scale_T1[1].item<float>(), 0);
}

TEST(QuantizeRows, GivenScalesSaturate) {
  QuantizedRows rows = QuantizedRows::Empty(1, 3, at::kCPU);
  rows.scale_T1.fill_(0.5);
  QuantizeRowsBy(at::tensor({1e6f, -1e6f, 8.0f}).view({1, 3}), rows);
  EXPECT_TRUE(IsNear(rows.Dequantize(), at::tensor({224.0f, -224.0f, 8.0f}).view({1, 3}), 0));
}

class CudaQuantizeRowsTest : public CudaTest {};

TEST_F(CudaQuantizeRowsTest, EqualsTheReferenceAtAnyWidth) {
  for (const int64_t width : {1, 7, 8, 72, 768, 1000, 2048, 2056, 3760, 3761, 11280, 15040, 32768, 32776}) {
    for (const int64_t tokens : {1, 3, 131}) {
      const at::Tensor x = Random({tokens, width + 8}, 3).narrow(1, 8, width);
      QuantizedRows rows = PoisonedRows(tokens, width, 16, 8);
      QuantizeRowsInto(x, rows);
      EXPECT_TRUE(IsQuantizedOnce(rows, x)) << tokens << " x " << width;
      QuantizedRows given = PoisonedRows(tokens, width, 3, 2);
      given.scale_T1.copy_(rows.scale_T1);
      QuantizeRowsBy(x, given);
      EXPECT_TRUE(IsQuantizedOnce(given, x)) << tokens << " x " << width;
    }
  }
}

TEST_F(CudaQuantizeRowsTest, TakesZerosOutliersAndExtremes) {
  at::Tensor x = Random({6, 1024});
  x[0].zero_();
  x[1].mul_(1e30);
  x[2].mul_(1e-30);
  x[3][17] = 1e6;
  x[4][1023] = std::numeric_limits<float>::quiet_NaN();
  QuantizedRows rows = PoisonedRows(6, 1024);
  QuantizeRowsInto(x, rows);
  const at::Tensor values = rows.values_TK.to(at::kFloat);
  EXPECT_EQ(values[0].abs().max().item<float>(), 0);
  EXPECT_TRUE(IsQuantizedOnce({rows.values_TK.narrow(0, 0, 4), rows.scale_T1.narrow(0, 0, 4)}, x.narrow(0, 0, 4)));
  EXPECT_TRUE(values[4][1023].isnan().item<bool>());
  EXPECT_EQ(values.isnan().sum().item<int64_t>(), 1) << "NaN must reach its own element, and no other row";
  EXPECT_TRUE(IsQuantizedOnce({rows.values_TK.narrow(0, 5, 1), rows.scale_T1.narrow(0, 5, 1)}, x.narrow(0, 5, 1)));
}

TEST_F(CudaQuantizeRowsTest, LeastAmaxBoundsTheScaleAndGivenScalesSaturate) {
  const at::Tensor x = Random({5, 256});
  QuantizedRows rows = PoisonedRows(5, 256);
  QuantizeRowsInto(x, rows, /*least_amax=*/100);
  EXPECT_TRUE(IsQuantizedOnce(rows, x, 100));
  rows.scale_T1.fill_(1.0 / 448);
  QuantizeRowsBy(x, rows);
  EXPECT_EQ(rows.Dequantize().abs().max().item<float>(), 1);
}

}  // namespace
}  // namespace vitok
