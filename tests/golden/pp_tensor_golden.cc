// Cases that end in tensors: to_tensor, normalize, resize_to_token_budget, patchify and whole pipelines.
#include <gtest/gtest.h>

#include <string>

#include "core/image/preprocessor.h"
#include "core/image/transforms.h"
#include "tests/golden/pp_case.h"

namespace vitok::golden {
namespace {

using TensorMap = std::map<std::string, at::Tensor>;

std::string PipelineOf(const PpCase& pp_case) { return pp_case.description.at("pp").get<std::string>(); }

// The tensor after to_tensor and any number of normalize and resize_to_token_budget.
at::Tensor RunTensorOps(const std::string& pipeline, const RgbImage& image) {
  const absl::StatusOr<Preprocessor> preprocessor = Preprocessor::Parse(pipeline);
  EXPECT_TRUE(preprocessor.ok()) << preprocessor.status();
  at::Tensor pixels_3HW = ImageToTensor(image);
  if (!preprocessor.ok()) return pixels_3HW;
  for (const TransformOp& op : preprocessor->ops()) {
    if (const auto* normalize = std::get_if<NormalizeOp>(&op)) pixels_3HW = NormalizeTensor(*normalize, pixels_3HW);
    if (const auto* resize = std::get_if<ResizeToTokenBudgetOp>(&op)) {
      pixels_3HW = ResizeToTokenBudget(*resize, pixels_3HW);
    }
  }
  return pixels_3HW;
}

void CheckTensorOps(const PpCase& pp_case) {
  const at::Tensor got = RunTensorOps(PipelineOf(pp_case), pp_case.Image());
  // Grey pictures have three equal channels here.
  const at::Tensor expected = pp_case.Tensors().at("out").expand({3, -1, -1});
  ExpectWithinTolerance(got, expected, pp_case.description.at("tolerance"));
}

// The value of every byte, of both routes: op after op, and the table of the one-pass route.
void CheckNormalizeTable(const PpCase& pp_case) {
  RgbImage image(1, 256);
  for (size_t i = 0; i < image.pixels_HWC.size(); ++i) image.pixels_HWC[i] = static_cast<uint8_t>(i / 3);
  const nlohmann::json& tolerance = pp_case.description.at("tolerance");
  const TensorMap tensors = pp_case.Tensors();
  ExpectWithinTolerance(ImageToTensor(image).select(0, 0).squeeze(0), tensors.at("byte_to_unit"), tolerance);
  for (const auto& [name, mode] : {std::pair("minus_one_to_one", NormalizeMode::kMinusOneToOne),
                                   std::pair("imagenet", NormalizeMode::kImagenet)}) {
    SCOPED_TRACE(name);
    const at::Tensor expected = tensors.at(name).expand({3, 256});
    ExpectWithinTolerance(NormalizeTensor({mode}, ImageToTensor(image)).squeeze(1), expected, tolerance);
    const absl::StatusOr<PatchSequence> patches = PatchifyImage({mode}, {1, 256}, image);
    ASSERT_TRUE(patches.ok()) << patches.status();
    ExpectWithinTolerance(patches->patches_ND.t().contiguous(), expected, tolerance);
  }
}

// The reference fails on a grey picture; here every picture is RGB.
void CheckGrayIsNormalized(const PpCase& pp_case) {
  const RgbImage image = pp_case.Image();
  const at::Tensor pixels_3HW = RunTensorOps(PipelineOf(pp_case), image);
  EXPECT_EQ(pixels_3HW.sizes(), at::IntArrayRef({3, image.height_px, image.width_px}));
  EXPECT_TRUE(pixels_3HW.isfinite().all().item<bool>());
}

void CheckPatches(const PpCase& pp_case) { ExpectPatchDictionary(pp_case, pp_case.Image(), pp_case.Tensors(), -1); }

void CheckBatch(const PpCase& pp_case) {
  const TensorMap tensors = pp_case.Tensors();
  const nlohmann::json& images = pp_case.description.at("images");
  for (size_t i = 0; i < images.size(); ++i) {
    SCOPED_TRACE(images[i].get<std::string>());
    ExpectPatchDictionary(pp_case, pp_case.Image(images[i].get<std::string>()), tensors, static_cast<int64_t>(i));
  }
}

}  // namespace

void ExpectPatchDictionary(const PpCase& pp_case, const RgbImage& image, const TensorMap& expected, int64_t index) {
  const absl::StatusOr<Preprocessor> preprocessor = Preprocessor::Parse(PipelineOf(pp_case));
  ASSERT_TRUE(preprocessor.ok()) << preprocessor.status();
  const absl::StatusOr<PatchSequence> patches = preprocessor->Run(image);
  ASSERT_TRUE(patches.ok()) << patches.status();
  // The reference pads to max_tokens; ours has only the tokens of the picture.
  const int64_t tokens = patches->patches_ND.size(0);
  const auto tensor = [&](const char* name) { return index < 0 ? expected.at(name) : expected.at(name)[index]; };
  const auto number = [&](const char* name) {
    return expected.at(name).flatten()[std::max<int64_t>(index, 0)].item<int64_t>();
  };
  EXPECT_EQ(tensor("patch_mask").sum().item<int64_t>(), tokens);
  ExpectWithinTolerance(patches->patches_ND, tensor("patches").narrow(0, 0, tokens),
                        pp_case.description.at("tolerance"));
  EXPECT_TRUE(patches->row_N.equal(tensor("row_idx").narrow(0, 0, tokens).to(at::kInt)));
  EXPECT_TRUE(patches->col_N.equal(tensor("col_idx").narrow(0, 0, tokens).to(at::kInt)));
  EXPECT_EQ(patches->geometry.height_px, number("orig_height"));
  EXPECT_EQ(patches->geometry.width_px, number("orig_width"));
  EXPECT_EQ(patches->geometry.grid_rows, number("grid_rows"));
  EXPECT_EQ(patches->geometry.grid_cols, number("grid_cols"));
  const absl::StatusOr<int64_t> counted = preprocessor->CountTokens(image.height_px, image.width_px);
  ASSERT_TRUE(counted.ok()) << counted.status();
  EXPECT_EQ(*counted, tokens);
}

void AddTensorChecks(PpChecks& checks) {
  checks["to_tensor"] = CheckTensorOps;
  checks["normalize"] = CheckTensorOps;
  checks["resize_to_token_budget"] = CheckTensorOps;
  checks["normalize_table"] = CheckNormalizeTable;
  checks["normalize_error"] = CheckGrayIsNormalized;
  checks["patchify"] = CheckPatches;
  checks["pipeline"] = CheckPatches;
  checks["preprocess_batch"] = CheckBatch;
}

}  // namespace vitok::golden
