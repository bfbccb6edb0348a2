#include "core/image/sample_tiles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace vitok {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(SampleTilesTest, StartsFillAllPositions) {
  std::set<int64_t> tops, lefts;
  for (uint64_t index = 0; index < 200; ++index) {
    RandomStream random(1, index);
    for (const TileStart& start : DrawTileStarts({18, 16}, {16, 16}, 2, random)) {
      tops.insert(start.top);
      lefts.insert(start.left);
    }
  }
  EXPECT_EQ(tops, (std::set<int64_t>{0, 1, 2}));
  EXPECT_EQ(lefts, (std::set<int64_t>{0}));
}

TEST(SampleTilesTest, SmallPicturesAreFilledUpWithBlack) {
  const at::Tensor images = at::arange(12, at::kFloat).view({1, 3, 2, 2});
  const absl::StatusOr<at::Tensor> tiles = CutTiles(images, std::vector<std::vector<TileStart>>{{{9, 9}}}, {3, 2});
  ASSERT_TRUE(tiles.ok()) << tiles.status();
  EXPECT_EQ(tiles->sizes(), at::IntArrayRef({1, 1, 3, 3, 2}));
  EXPECT_TRUE((*tiles)[0][0].narrow(1, 0, 2).equal(images[0]));
  EXPECT_TRUE((*tiles)[0][0].select(1, 2).eq(-1).all().item<bool>());
}

TEST(SampleTilesTest, StartsBeyondThePictureAreMovedBack) {
  const at::Tensor images = at::arange(48, at::kFloat).view({1, 3, 4, 4});
  const auto tiles = CutTiles(images, std::vector<std::vector<TileStart>>{{{-5, 1}, {99, 99}}}, {2, 2});
  ASSERT_TRUE(tiles.ok()) << tiles.status();
  EXPECT_TRUE((*tiles)[0][0].equal(images[0].narrow(1, 0, 2).narrow(2, 1, 2)));
  EXPECT_TRUE((*tiles)[0][1].equal(images[0].narrow(1, 2, 2).narrow(2, 2, 2)));
}

TEST(SampleTilesTest, GradientsReachThePicture) {
  const at::Tensor images = at::ones({1, 3, 4, 4}).set_requires_grad(true);
  const auto tiles = CutTiles(images, std::vector<std::vector<TileStart>>{{{0, 0}, {1, 1}}}, {2, 2});
  ASSERT_TRUE(tiles.ok()) << tiles.status();
  tiles->sum().backward();
  EXPECT_EQ(images.grad()[0][0][1][1].item<float>(), 2.0f);
  EXPECT_EQ(images.grad()[0][0][3][3].item<float>(), 0.0f);
}

TEST(SampleTilesTest, RefusesStartsThatDoNotFitTheBatch) {
  const at::Tensor images = at::ones({2, 3, 4, 4});
  const auto error = [&](const std::vector<std::vector<TileStart>>& starts) {
    const absl::Status status = CutTiles(images, starts, {2, 2}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(error({{{0, 0}}}), AllOf(HasSubstr("were of 1"), HasSubstr("for 2")));
  EXPECT_THAT(error({{{0, 0}}, {{0, 0}, {1, 1}}}), AllOf(HasSubstr("image 1 has 2"), HasSubstr("image 0 1")));
  EXPECT_THAT(error({{}, {}}), HasSubstr("image 0 has 0"));
}

}  // namespace
}  // namespace vitok
