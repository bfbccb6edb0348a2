// Cases of the random operations and of tiles: what they do for given draws, and how often they do what.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "core/base/random_stream.h"
#include "core/image/preprocessor.h"
#include "core/image/random_transforms.h"
#include "core/image/sample_tiles.h"
#include "tests/golden/pp_case.h"

namespace vitok::golden {
namespace {

void CheckRandomResizedCrop(const PpCase& pp_case) {
  const nlohmann::json& box = pp_case.description.at("params");
  const nlohmann::json& size_hw = pp_case.description.at("size_hw");
  const CropAndResizeOp op = {
      {box.at("top"), box.at("left"), box.at("height"), box.at("width")}, size_hw[0], size_hw[1]};
  const RgbImage image = CropAndResize(op, pp_case.Image());
  ExpectWithinTolerance(PixelsOf(image), pp_case.Tensors().at("out"), pp_case.description.at("tolerance"));
}

void CheckFlip(const PpCase& pp_case) {
  const absl::StatusOr<Preprocessor> preprocessor =
      Preprocessor::Parse(pp_case.description.at("pp").get<std::string>());
  ASSERT_TRUE(preprocessor.ok()) << preprocessor.status();
  ASSERT_EQ(preprocessor->ops().size(), 1);
  ASSERT_TRUE(std::holds_alternative<MirrorOp>(preprocessor->ops().front()));
  const RgbImage image = pp_case.Image();
  const RgbImage mirrored = MirrorImage(image);
  ExpectWithinTolerance(PixelsOf(mirrored), pp_case.Tensors().at("out"), pp_case.description.at("tolerance"));
  const at::Tensor mirrored_3HW = MirrorTensor(PixelsOf(image).permute({2, 0, 1}));
  EXPECT_TRUE(mirrored_3HW.permute({1, 2, 0}).equal(PixelsOf(mirrored)));
}

void CheckRandomChoice(const PpCase& pp_case) {
  RandomChoiceOp op;
  for (const nlohmann::json& weight : pp_case.description.at("weights")) {
    op.choices.push_back({CenterCropOp{static_cast<int32_t>(op.choices.size())}, weight.get<double>()});
  }
  const auto expected = pp_case.description.at("counts").get<std::vector<int64_t>>();
  const int64_t draws = pp_case.description.at("draws");
  std::vector<int64_t> counts(expected.size());
  for (int64_t i = 0; i < draws; ++i) {
    RandomStream random(1, i);
    ++counts.at(std::get<CenterCropOp>(DrawTransform(op, {8, 8}, random)).size_px);
  }
  const double tolerance = 3.0 * std::sqrt(static_cast<double>(draws));
  for (size_t i = 0; i < counts.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(counts[i]), static_cast<double>(expected[i]), expected[i] == 0 ? 0.0 : tolerance);
  }
}

void CheckTiles(const PpCase& pp_case) {
  const std::map<std::string, at::Tensor> tensors = pp_case.Tensors();
  const SizePx tile = {pp_case.description.at("tile_hw")[0], pp_case.description.at("tile_hw")[1]};
  const at::Tensor top_Bn = tensors.at("start_y_in"), left_Bn = tensors.at("start_x_in");
  std::vector<std::vector<TileStart>> starts(top_Bn.size(0));
  for (int64_t image = 0; image < top_Bn.size(0); ++image) {
    const SizePx size = {tensors.at("orig_height")[image].item<int64_t>(),
                         tensors.at("orig_width")[image].item<int64_t>()};
    for (int64_t i = 0; i < top_Bn.size(1); ++i) {
      starts[image].push_back({top_Bn[image][i].item<int64_t>(), left_Bn[image][i].item<int64_t>()});
    }
    RandomStream random(1, image);
    for (const TileStart& start : DrawTileStarts(size, tile, top_Bn.size(1), random)) {
      EXPECT_LE(start.top, std::max<int64_t>(size.height - tile.height, 0));
      EXPECT_LE(start.left, std::max<int64_t>(size.width - tile.width, 0));
    }
  }
  const absl::StatusOr<at::Tensor> tiles = CutTiles(tensors.at("images"), starts, tile);
  ASSERT_TRUE(tiles.ok()) << tiles.status();
  ExpectWithinTolerance(*tiles, tensors.at("tiles"), pp_case.description.at("tolerance"));
}

}  // namespace

void AddRandomChecks(PpChecks& checks) {
  checks["random_resized_crop"] = CheckRandomResizedCrop;
  checks["flip"] = CheckFlip;
  checks["random_choice"] = CheckRandomChoice;
  checks["sample_tiles"] = CheckTiles;
}

}  // namespace vitok::golden
