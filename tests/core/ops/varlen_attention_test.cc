#include "core/ops/varlen_attention.h"

#include <gtest/gtest.h>

#include "tests/core/ops/op_params.h"
#include "tests/support/tensor_matchers.h"

namespace vitok {
namespace {

using Offsets = std::vector<int64_t>;

at::Tensor Attend(const at::Tensor& qkv_T3HD, const Offsets& offsets, std::optional<int64_t> window) {
  at::Tensor out = at::full({qkv_T3HD.size(0), qkv_T3HD.size(2), qkv_T3HD.size(3)}, NAN, qkv_T3HD.options());
  VarlenAttentionInto(qkv_T3HD.select(1, 0), qkv_T3HD.select(1, 1), qkv_T3HD.select(1, 2), {offsets, window}, out);
  return out;
}

class VarlenAttentionTest : public testing::TestWithParam<OpParams> {};

INSTANTIATE_TEST_SUITE_P(, VarlenAttentionTest, kFloatAndBfloat16, OpParamName);

TEST_P(VarlenAttentionTest, EqualsReferenceWithAndWithoutWindow) {
  const Offsets offsets = {0, 2, 5, 5, 9, 10, 320, 917, 917};  // two images without tokens
  const at::Tensor qkv = RandomTensor({917, 3, 2, 24}, GetParam().dtype, 10);
  for (const std::optional<int64_t> window : {std::optional<int64_t>(), {0}, {1}, {3}, {64}, {300}, {5000}}) {
    const at::Tensor expected =
        VarlenAttentionReference(qkv.select(1, 0), qkv.select(1, 1), qkv.select(1, 2), offsets, window);
    EXPECT_TRUE(IsNear(Attend(qkv, offsets, window), expected, GetParam().tolerance)) << window.value_or(-1);
  }
}

TEST(VarlenAttention, WindowZeroReturnsTheValues) {
  const at::Tensor qkv = RandomTensor({700, 3, 2, 8}, at::kFloat, 11);
  EXPECT_TRUE(IsNear(Attend(qkv, {0, 300, 700}, 0), qkv.select(1, 2), 1e-6));
}

TEST(VarlenAttention, OfE4m3IsThatOfItsValues) {
  const at::Tensor qkv = RandomTensor({50, 3, 2, 16}, at::kFloat, 13).to(at::kFloat8_e4m3fn);
  const at::Tensor exact = Attend(qkv.to(at::kFloat), {0, 15, 50}, std::nullopt);
  const at::Tensor out = Attend(qkv, {0, 15, 50}, std::nullopt);
  EXPECT_TRUE(IsSame(out.to(at::kFloat), exact.to(at::kFloat8_e4m3fn).to(at::kFloat)));
}

TEST(VarlenAttention, NoTokenAttendsAcrossImages) {
  const at::Tensor qkv = RandomTensor({40, 3, 2, 16}, at::kFloat, 12);
  const at::Tensor before = Attend(qkv, {0, 15, 40}, std::nullopt);
  at::Tensor changed = qkv.clone();
  changed.narrow(0, 15, 25).fill_(1e4);
  EXPECT_TRUE(IsSame(Attend(changed, {0, 15, 40}, std::nullopt).narrow(0, 0, 15), before.narrow(0, 0, 15)));
}

}  // namespace
}  // namespace vitok
