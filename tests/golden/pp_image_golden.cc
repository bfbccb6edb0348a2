// Cases that end in pictures: decoding, resampling, center_crop, resize_longest_side.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "core/image/preprocessor.h"
#include "core/image/resample.h"
#include "core/image/transforms.h"
#include "tests/golden/pp_case.h"

namespace vitok::golden {
namespace {

void CheckDecode(const PpCase& pp_case) {
  const auto tensors = pp_case.Tensors();
  const RgbImage image = pp_case.Image();
  ExpectWithinTolerance(PixelsOf(image), tensors.at("rgb"), pp_case.description.at("tolerance"));
  const auto without_alpha = tensors.find("rgb_webdataset");
  if (without_alpha == tensors.end()) return;
  const RgbImage dropped = pp_case.Image(pp_case.description.at("image").get<std::string>(), AlphaRule::kDrop);
  ExpectWithinTolerance(PixelsOf(dropped), without_alpha->second, pp_case.description.at("tolerance"));
}

void CheckResample(const PpCase& pp_case) {
  const std::map<std::string, ResampleFilter> filters = {
      {"box", ResampleFilter::kBox}, {"bicubic", ResampleFilter::kBicubic}, {"lanczos", ResampleFilter::kLanczos}};
  const auto filter = filters.find(pp_case.description.at("filter").get<std::string>());
  ASSERT_NE(filter, filters.end());
  const auto tensors = pp_case.Tensors();
  const nlohmann::json& size_wh = pp_case.description.at("out_wh");
  const RgbImage image = Resample(ImageOf(tensors.at("in")), filter->second, size_wh[1], size_wh[0]);
  ExpectWithinTolerance(PixelsOf(image), tensors.at("out"), pp_case.description.at("tolerance"));
}

// Applies the one operation of the case to its picture.
absl::StatusOr<RgbImage> ApplyImageOp(const PpCase& pp_case, const RgbImage& image) {
  const absl::StatusOr<Preprocessor> preprocessor =
      Preprocessor::Parse(pp_case.description.at("pp").get<std::string>());
  if (!preprocessor.ok()) return preprocessor.status();
  if (preprocessor->ops().size() != 1) return absl::InvalidArgumentError("the case has not one operation");
  const TransformOp& op = preprocessor->ops().front();
  if (const auto* crop = std::get_if<CenterCropOp>(&op)) return CropToCenter(*crop, image);
  if (const auto* resize = std::get_if<ResizeLongestSideOp>(&op)) return ResizeToLongestSide(*resize, image);
  return absl::InvalidArgumentError("the case's operation gives no picture");
}

void CheckImageOp(const PpCase& pp_case) {
  const absl::StatusOr<RgbImage> image = ApplyImageOp(pp_case, pp_case.Image());
  ASSERT_TRUE(image.ok()) << image.status();
  at::Tensor expected = pp_case.Tensors().at("out");
  // Grey pictures have three equal channels here.
  if (expected.dim() == 2) expected = expected.unsqueeze(2).repeat({1, 1, 3});
  ExpectWithinTolerance(PixelsOf(*image), expected, pp_case.description.at("tolerance"));
}

void CheckDegenerateResize(const PpCase& pp_case) {
  const nlohmann::json& size_wh = pp_case.description.at("in_size_wh");
  const absl::StatusOr<RgbImage> image = ApplyImageOp(pp_case, RgbImage(size_wh[1], size_wh[0]));
  EXPECT_EQ(image.status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace

void AddImageChecks(PpChecks& checks) {
  checks["decode_rgb"] = CheckDecode;
  checks["pil_resample"] = CheckResample;
  checks["center_crop"] = CheckImageOp;
  checks["resize_longest_side"] = CheckImageOp;
  checks["resize_longest_side_error"] = CheckDegenerateResize;
}

}  // namespace vitok::golden
