#include "core/model/graph_shape.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace vitok {
namespace {

std::optional<GraphShape> ShapeOf(const std::vector<int64_t>& lengths) {
  std::vector<int64_t> offsets = {0};
  for (const int64_t length : lengths) offsets.push_back(offsets.back() + length);
  return GraphShapeOf(offsets);
}

std::vector<int64_t> Equal(int64_t images, int64_t tokens) { return std::vector<int64_t>(images, tokens); }

TEST(GraphShapeTest, RoundsUp) {
  EXPECT_EQ(ShapeOf({1}), (GraphShape{128, 1, 128}));
  EXPECT_EQ(ShapeOf({127}), (GraphShape{128, 1, 128}));
  EXPECT_EQ(ShapeOf({129}), (GraphShape{256, 1, 256}));
  EXPECT_EQ(ShapeOf({100, 100}), (GraphShape{256, 4, 128}));
  EXPECT_EQ(ShapeOf({100, 0, 29, 128, 0}), (GraphShape{384, 16, 128}));
  EXPECT_EQ(ShapeOf({257, 1}), (GraphShape{384, 4, 384})) << "an image is not longer than the batch";
  EXPECT_EQ(ShapeOf({1000, 1000, 47}), (GraphShape{2048, 4, 1024}));
  EXPECT_EQ(ShapeOf(Equal(17, 3)), (GraphShape{128, 64, 128}));
}

TEST(GraphShapeTest, KnowsBatchesOfOneLengthThatNeedNoPadding) {
  EXPECT_EQ(ShapeOf({256}), (GraphShape{256, 1, 256, true}));
  EXPECT_EQ(ShapeOf(Equal(4, 64)), (GraphShape{256, 4, 64, true}));
  EXPECT_EQ(ShapeOf(Equal(3, 512)), (GraphShape{1536, 3, 512, true}));
  EXPECT_EQ(ShapeOf(Equal(8, 32)), (GraphShape{256, 16, 128})) << "no plan for such lengths";
  EXPECT_EQ(ShapeOf(Equal(5, 64)), (GraphShape{384, 16, 128})) << "padded";
  EXPECT_EQ(ShapeOf({128, 64, 64}), (GraphShape{256, 4, 128})) << "several lengths";
}

TEST(GraphShapeTest, LeavesOutLargeAndEmptyBatches) {
  EXPECT_TRUE(ShapeOf({kMaxGraphTokens}).has_value());
  EXPECT_FALSE(ShapeOf({kMaxGraphTokens + 1}).has_value());
  EXPECT_TRUE(ShapeOf(Equal(kMaxGraphImages, 1)).has_value());
  EXPECT_FALSE(ShapeOf(Equal(kMaxGraphImages + 1, 1)).has_value());
  EXPECT_FALSE(ShapeOf({0, 0}).has_value());
  EXPECT_FALSE(ShapeOf({}).has_value());
  EXPECT_FALSE(GraphShapeOf({}).has_value());
}

// One long image, others as equal as they can be: every combination of tokens, images and the longest one.
TEST(GraphShapeTest, EveryBatchFitsAndShapesAreFew) {
  std::set<GraphShape> shapes;
  for (int64_t images = 1; images <= kMaxGraphImages; ++images) {
    for (int64_t longest = 1; longest <= kMaxGraphTokens; ++longest) {
      for (int64_t rest = 0; longest + rest * (images - 1) <= kMaxGraphTokens && rest <= longest; rest += 7) {
        std::vector<int64_t> lengths(images, rest);
        lengths[0] = longest;
        const auto shape = ShapeOf(lengths);
        ASSERT_TRUE(shape.has_value());
        ASSERT_GE(shape->tokens, longest + rest * (images - 1));
        ASSERT_GE(shape->images, images);
        ASSERT_GE(shape->image_tokens, longest);
        shapes.insert(*shape);
        if (images == 1) break;
      }
      if (const auto equal = ShapeOf(Equal(images, longest))) shapes.insert(*equal);
    }
  }
  EXPECT_LE(static_cast<int64_t>(shapes.size()), kMaxGraphShapes);
  EXPECT_GT(static_cast<int64_t>(shapes.size()), kMaxGraphShapes / 2) << "the bound means something";
}

}  // namespace
}  // namespace vitok
