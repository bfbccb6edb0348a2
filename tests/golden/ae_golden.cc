#include "tests/golden/ae_golden.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <string>

#include "core/image/preprocessor.h"
#include "core/image/rgb_image.h"
#include "core/model/pixel_sequences.h"
#include "tests/golden/ae_case.h"
#include "tests/support/golden_file.h"
#include "tests/support/tensor_matchers.h"

namespace vitok::golden {
namespace {

using Json = nlohmann::json;

RgbImage ToImage(const at::Tensor& pixels_HWC) {
  RgbImage image(static_cast<int32_t>(pixels_HWC.size(0)), static_cast<int32_t>(pixels_HWC.size(1)));
  const at::Tensor dense = pixels_HWC.contiguous();
  std::copy_n(dense.const_data_ptr<uint8_t>(), image.pixels_HWC.size(), image.pixels_HWC.begin());
  return image;
}

void CheckPictures(const AeCase& ae_case, const PackedPatches& reconstructed, int64_t patch_px) {
  for (int64_t i = 0; i < ae_case.num_items(); ++i) {
    const std::string index = std::to_string(i);
    if (const auto image = ae_case.tensors.find("image_" + index); image != ae_case.tensors.end()) {
      const auto preprocessor = Preprocessor::Parse(ae_case.json.at("preprocess").get<std::string>());
      ASSERT_TRUE(preprocessor.ok()) << preprocessor.status();
      const auto patches = preprocessor->Run(ToImage(image->second));
      ASSERT_TRUE(patches.ok()) << patches.status();
      EXPECT_TRUE(IsNear(patches->patches_ND, ae_case.Rows("patches", i, false), 1e-6));
      EXPECT_TRUE(IsNear(patches->row_N, ae_case.Rows("row_idx", i, false), 0));
      EXPECT_TRUE(IsNear(patches->col_N, ae_case.Rows("col_idx", i, false), 0));
    }
    if (const auto recon = ae_case.tensors.find("recon_" + index); recon != ae_case.tensors.end()) {
      const Json& size = ae_case.json.at("images").at(i);
      const ImageGeometry geometry{size.at("height"), size.at("width"), size.at("grid_rows"), size.at("grid_cols")};
      const PatchSequence sequence{PictureRows(ae_case, reconstructed.patches_TD, reconstructed.layout, i).cpu(),
                                   ae_case.Rows("row_idx", i, false).to(at::kInt),
                                   ae_case.Rows("col_idx", i, false).to(at::kInt), geometry};
      const DecodedPicture picture = ToPicture(sequence, patch_px);
      EXPECT_TRUE(picture.finite);
      const double levels = ae_case.json.at("tolerance_fp32").value("recon_u8_levels", 1);
      EXPECT_TRUE(IsNear(picture.pixels_HW3, recon->second, levels));
    }
  }
}

struct Errors {
  double max_abs = 0;
  double mean_abs = 0;
  double rel_rms = 0;
};

Errors ErrorsOf(const at::Tensor& actual, const at::Tensor& expected) {
  const at::Tensor difference = actual.to(at::kDouble) - expected.to(at::kDouble);
  const double scale = expected.to(at::kDouble).square().mean().sqrt().item<double>();
  return {difference.abs().max().item<double>(), difference.abs().mean().item<double>(),
          difference.square().mean().sqrt().item<double>() / scale};
}

void ExpectWithin(const Json& tolerance, const at::Tensor& actual, const at::Tensor& expected, const char* what) {
  ASSERT_EQ(actual.sizes(), expected.sizes()) << what;
  const Errors errors = ErrorsOf(actual, expected);
  EXPECT_LE(errors.max_abs, tolerance.at("max_abs").get<double>()) << what;
  EXPECT_LE(errors.mean_abs, tolerance.at("mean_abs").get<double>()) << what;
  EXPECT_LE(errors.rel_rms, tolerance.at("rel_rms").get<double>()) << what;
}

// Golden rows of all items one after the other.
at::Tensor Expected(const AeCase& ae_case, const char* name, bool with_padding) {
  std::vector<at::Tensor> rows;
  for (int64_t i = 0; i < ae_case.num_items(); ++i) rows.push_back(ae_case.Rows(name, i, with_padding));
  return at::cat(rows);
}

at::Tensor AllPictureRows(const AeCase& ae_case, const PackedPatches& patches) {
  std::vector<at::Tensor> rows;
  for (int64_t i = 0; i < ae_case.num_items(); ++i) {
    rows.push_back(PictureRows(ae_case, patches.patches_TD, patches.layout, i));
  }
  return at::cat(rows).cpu();
}

}  // namespace

void CheckAutoencoder(const ModelGoldens& goldens, const Json& entry) {
  const c10::InferenceMode inference;
  const AeCase ae_case = ReadAeCase(goldens, entry);
  const auto model = LoadModel(goldens, ae_case.json, at::kFloat);
  ASSERT_TRUE(model.ok()) << model.status();
  const Json& tolerance = ae_case.json.at("tolerance_fp32");

  const PackedLatents latents = model->Encode(PackCasePatches(ae_case, *model));
  EXPECT_TRUE(IsNear(latents.z_TZ.cpu(), Expected(ae_case, "z", ae_case.attend_padding), tolerance.at("z_max_abs")));

  const at::Tensor decoded = Expected(ae_case, "decoded", false);
  const PackedPatches from_golden = model->Decode(PackCaseLatents(ae_case, *model));
  EXPECT_TRUE(IsNear(AllPictureRows(ae_case, from_golden), decoded, tolerance.at("decoded_max_abs")));

  const PackedPatches reconstructed = model->Decode(latents);
  EXPECT_TRUE(IsNear(AllPictureRows(ae_case, reconstructed), decoded, tolerance.at("reconstruct_max_abs")));
  CheckPictures(ae_case, reconstructed, model->config().patch_px);
}

void CheckAutoencoderBf16(const ModelGoldens& goldens, const Json& entry, const Json& base_entry) {
  const c10::InferenceMode inference;
  const AeCase base = ReadAeCase(goldens, base_entry);
  const auto model = LoadModel(goldens, base.json, at::kBFloat16);
  ASSERT_TRUE(model.ok()) << model.status();
  const Json json = goldens.Json(entry);
  const Json& tolerance = json.at("tolerance_bf16");

  const PackedLatents latents = model->Encode(PackCasePatches(base, *model));
  ExpectWithin(tolerance.at("z"), latents.z_TZ.cpu(), Expected(base, "z", base.attend_padding), "z");
  const at::Tensor decoded = Expected(base, "decoded", false);
  ExpectWithin(tolerance.at("decoded_from_fp32_z"), AllPictureRows(base, model->Decode(PackCaseLatents(base, *model))),
               decoded, "decoded_from_fp32_z");
  ExpectWithin(tolerance.at("reconstruct"), AllPictureRows(base, model->Decode(latents)), decoded, "reconstruct");
}

}  // namespace vitok::golden
