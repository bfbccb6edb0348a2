#include "core/model/batch_staging.h"

#include <gtest/gtest.h>

#include "tests/support/tensor_matchers.h"

namespace vitok {
namespace {

// Of sizes that differ, 12 MB together, and one image as patches between them.
std::vector<TokenizerItem> ManyImages() {
  at::manual_seed(1);
  std::vector<TokenizerItem> items;
  for (int64_t i = 0; i < 40; ++i) {
    items.push_back({PixelImage{at::randint(256, {100 + 20 * i, 207, 3}, at::kByte)}, OutputForm::kLatents});
  }
  items[17].input = PatchSequence{at::rand({6, 192}),
                                  at::tensor({0, 0, 0, 1, 1, 1}, at::kInt),
                                  at::tensor({0, 1, 2, 0, 1, 2}, at::kInt),
                                  {16, 24, 2, 3}};
  return items;
}

TEST(BatchStagingTest, HelpersFillTheSameBlock) {
  const std::vector<TokenizerItem> items = ManyImages();
  const BatchStaging staging(items, {.patch_px = 8, .token_values = 192});
  const at::Tensor alone_B = at::zeros({staging.block_bytes()}, at::kByte);
  staging.Fill(alone_B.mutable_data_ptr<uint8_t>());
  for (const int threads : {1, 3, 64}) {
    ThreadPool helpers("test", threads);
    const at::Tensor shared_B = at::zeros({staging.block_bytes()}, at::kByte);
    staging.Fill(shared_B.mutable_data_ptr<uint8_t>(), &helpers);
    EXPECT_TRUE(IsSame(shared_B, alone_B)) << threads;
  }
}

TEST(BatchStagingTest, OneImageThatIsAllOfTheBatch) {
  const std::vector<TokenizerItem> items = {{PixelImage{at::randint(256, {2000, 1000, 3}, at::kByte)}}};
  const BatchStaging staging(items, {.patch_px = 8, .token_values = 192});
  ThreadPool helpers("test", 3);
  const at::Tensor block_B = at::zeros({staging.block_bytes()}, at::kByte);
  staging.Fill(block_B.mutable_data_ptr<uint8_t>(), &helpers);
  EXPECT_TRUE(IsSame(block_B.narrow(0, 0, 6'000'000), std::get<PixelImage>(items[0].input).pixels_HW3.flatten()));
}

}  // namespace
}  // namespace vitok
