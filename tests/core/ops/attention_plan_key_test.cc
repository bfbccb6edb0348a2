#include "core/ops/attention_plan_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "core/ops/attention_stats.h"

namespace vitok {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ImageSlots, AreFourSizesInEachBinaryOrder) {
  std::set<int64_t> sizes;
  for (int64_t images = 1; images <= 32; ++images) sizes.insert(ImageSlots(images));
  EXPECT_THAT(sizes, ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32));
}

TEST(ImageSlots, HoldTheImagesWithAtMostAQuarterMore) {
  for (int64_t images = 1; images <= 5000; ++images) {
    EXPECT_GE(ImageSlots(images), images);
    EXPECT_LE(4 * ImageSlots(images), 5 * images + 4);
    EXPECT_EQ(ImageSlots(ImageSlots(images)), ImageSlots(images));
  }
}

TEST(TokenBucket, IsAMultipleOfTheTileThatHoldsTheTokens) {
  EXPECT_EQ(TokenBucket(1), 128);
  EXPECT_EQ(TokenBucket(128), 128);
  EXPECT_EQ(TokenBucket(129), 256);
  EXPECT_EQ(TokenBucket(1024), 1024);
  EXPECT_EQ(TokenBucket(1025), 1280);
  EXPECT_EQ(TokenBucket(65536), 65536);
  EXPECT_EQ(TokenBucket(65537), 81920);
}

TEST(PrefersDense, TakesEqualLengthsOfWholeTiles) {
  EXPECT_TRUE(PrefersDense({.images = 500, .max_tokens = 256, .equal_lengths = true}));
  EXPECT_TRUE(PrefersDense({.images = 1, .max_tokens = 64, .equal_lengths = true}));
  EXPECT_FALSE(PrefersDense({.images = 500, .max_tokens = 256, .equal_lengths = false}));
  EXPECT_FALSE(PrefersDense({.images = 3, .max_tokens = 255, .equal_lengths = true}));
  EXPECT_FALSE(PrefersDense({.images = 3, .max_tokens = 0, .equal_lengths = true}));
}

TEST(DenseRuns, CoverTheImagesWithFewSizes) {
  EXPECT_THAT(DenseRuns(0), IsEmpty());
  EXPECT_THAT(DenseRuns(1), ElementsAre(1));
  EXPECT_THAT(DenseRuns(31), ElementsAre(31));
  EXPECT_THAT(DenseRuns(33), ElementsAre(32, 1));
  EXPECT_THAT(DenseRuns(500), ElementsAre(496, 4));
  std::set<int64_t> sizes;
  for (int64_t images = 1; images <= 1024; ++images) {
    const std::vector<int64_t> runs = DenseRuns(images);
    EXPECT_EQ(std::accumulate(runs.begin(), runs.end(), int64_t{0}), images);
    EXPECT_LE(runs.size(), 3);
    sizes.insert(runs.begin(), runs.end());
  }
  EXPECT_LE(sizes.size(), 112);
}

TEST(AttentionPlanKey, DiffersInEveryField) {
  const AttentionPlanKey key{.heads = 16, .head_dim = 64, .image_slots = 8, .max_tokens = 256};
  std::set<AttentionPlanKey> keys = {key};
  const auto add = [&](auto change) {
    AttentionPlanKey changed = key;
    change(changed);
    keys.insert(changed);
  };
  add([](AttentionPlanKey&) {});
  add([](AttentionPlanKey& k) { k.heads = 8; });
  add([](AttentionPlanKey& k) { k.head_dim = 72; });
  add([](AttentionPlanKey& k) { k.window = 512; });
  add([](AttentionPlanKey& k) { k.strides.in_token = 1; });
  add([](AttentionPlanKey& k) { k.strides.out_head = 1; });
  add([](AttentionPlanKey& k) { k.packed = true; });
  add([](AttentionPlanKey& k) { k.image_slots = 10; });
  add([](AttentionPlanKey& k) { k.max_tokens = 384; });
  add([](AttentionPlanKey& k) { k.dtype = AttentionDType::kE4m3; });
  EXPECT_EQ(keys.size(), 10);
}

TEST(AttentionPlanKey, SaysThePath) {
  EXPECT_EQ(AttentionPathName(PathOf({})), "dense");
  EXPECT_EQ(AttentionPathName(PathOf({.packed = true})), "packed");
  EXPECT_EQ(AttentionPathName(PathOf({.dtype = AttentionDType::kE4m3})), "dense_fp8");
  EXPECT_EQ(AttentionPathName(PathOf({.dtype = AttentionDType::kE4m3, .packed = true})), "packed_fp8");
}

TEST(LeastFp8Tokens, DependsOnTheHeadsAndIsNoneUnderAWindow) {
  EXPECT_EQ(LeastFp8Tokens(64, {}), 4096);
  EXPECT_EQ(LeastFp8Tokens(96, {}), 4096);
  EXPECT_EQ(LeastFp8Tokens(128, {}), 2304);
  for (const int64_t head_dim : {8, 16, 32, 48, 72, 88, 136, 144, 256}) {
    EXPECT_EQ(LeastFp8Tokens(head_dim, {}), std::nullopt) << head_dim;
  }
  EXPECT_EQ(LeastFp8Tokens(64, 2048), std::nullopt) << "under a window";
}

TEST(HeadsAtATime, AreAllButForVeryLongImagesInFp8) {
  AttentionPlanKey key{.heads = 16, .head_dim = 64, .max_tokens = 65536};
  EXPECT_EQ(HeadsAtATime(key), 16);
  key.dtype = AttentionDType::kE4m3;
  EXPECT_EQ(HeadsAtATime(key), 4);
  key.max_tokens = 40960;
  EXPECT_EQ(HeadsAtATime(key), 16);
  key.max_tokens = 49152;
  EXPECT_EQ(HeadsAtATime(key), 4);
  key.heads = 7;
  EXPECT_EQ(HeadsAtATime(key), 1) << "no other divisor fits";
  key.max_tokens = 1 << 20;
  EXPECT_EQ(HeadsAtATime(key), 1);
}

TEST(AttentionPathName, IsDifferentForEveryPath) {
  std::set<std::string_view> names;
  for (int path = 0; path < kNumAttentionPaths; ++path) names.insert(AttentionPathName(AttentionPath{uint8_t(path)}));
  EXPECT_EQ(names.size(), kNumAttentionPaths);
  EXPECT_EQ(names.count("unknown"), 0);
}

TEST(AttentionStats, CountsPassesAndPlans) {
  const AttentionStats before = ReadAttentionStats();
  CountAttentionPass(AttentionPath::kDense);
  CountAttentionPlan(true, 0.25);
  CountAttentionPlan(false, 0.5);
  const AttentionStats after = ReadAttentionStats();
  constexpr auto kDense = static_cast<size_t>(AttentionPath::kDense);
  EXPECT_EQ(after.passes[kDense], before.passes[kDense] + 1);
  EXPECT_EQ(after.plans, before.plans + 1);
  EXPECT_EQ(after.refused_plans, before.refused_plans + 1);
  EXPECT_DOUBLE_EQ(after.build_seconds, before.build_seconds + 0.75);
}

}  // namespace
}  // namespace vitok
