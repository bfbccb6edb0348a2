// Cases of the way back: unpatchify, unpack, postprocess.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/image/batch_postprocess.h"
#include "core/image/postprocess.h"
#include "core/model/pixel_sequences.h"
#include "core/ops/patchify.h"
#include "core/tokens/pack.h"
#include "tests/golden/pp_case.h"

namespace vitok::golden {
namespace {

using TensorMap = std::map<std::string, at::Tensor>;

// The valid tokens of image `index` of a padded patch dictionary. Its grid is as large as the tokens need, or the
// square of the case's max_grid_size; its size in pixels is that of the grid.
PatchSequence SequenceOf(const PpCase& pp_case, const TensorMap& tensors, int64_t index) {
  const at::Tensor valid = tensors.at("patch_mask")[index];
  PatchSequence sequence;
  sequence.patches_ND = tensors.at("patches")[index].index({valid});
  sequence.row_N = tensors.at("row_idx")[index].index({valid}).to(at::kInt);
  sequence.col_N = tensors.at("col_idx")[index].index({valid}).to(at::kInt);
  int32_t rows = sequence.row_N.max().item<int32_t>() + 1, cols = sequence.col_N.max().item<int32_t>() + 1;
  if (const nlohmann::json& side = pp_case.description.at("max_grid_size"); !side.is_null()) rows = cols = side;
  const int32_t patch_px = pp_case.description.at("patch");
  sequence.geometry = {rows * patch_px, cols * patch_px, rows, cols};
  return sequence;
}

std::optional<int64_t> MaxGridSizeOf(const PpCase& pp_case) {
  const nlohmann::json& side = pp_case.description.at("max_grid_size");
  return side.is_null() ? std::nullopt : std::optional(side.get<int64_t>());
}

// The valid tokens of the whole dictionary. Geometries have the pictures' true sizes.
PackedPatches BatchOf(const PpCase& pp_case, const TensorMap& tensors) {
  std::vector<PatchSequence> sequences;
  for (int64_t i = 0; i < tensors.at("patches").size(0); ++i) {
    sequences.push_back(SequenceOf(pp_case, tensors, i));
    sequences.back().geometry.height_px = tensors.at("orig_height")[i].item<int32_t>();
    sequences.back().geometry.width_px = tensors.at("orig_width")[i].item<int32_t>();
  }
  return PackPatches(sequences, {});
}

void CheckImages(const PpCase& pp_case, const std::string& output, std::optional<int64_t> max_grid_size) {
  const TensorMap tensors = pp_case.Tensors();
  const at::Tensor expected_B3HW = tensors.at(output);
  const absl::StatusOr<at::Tensor> canvas_B3HW =
      UnpatchifyBatch(BatchOf(pp_case, tensors), pp_case.description.at("patch"), max_grid_size);
  ASSERT_TRUE(canvas_B3HW.ok()) << canvas_B3HW.status();
  ExpectWithinTolerance(*canvas_B3HW, expected_B3HW, pp_case.description.at("tolerance"));
  for (int64_t i = 0; i < expected_B3HW.size(0); ++i) {
    PatchSequence sequence = SequenceOf(pp_case, tensors, i);
    const int32_t patch_px = pp_case.description.at("patch");
    // The reference's canvas is that of the largest image of the batch.
    sequence.geometry.height_px = static_cast<int32_t>(expected_B3HW.size(2));
    sequence.geometry.width_px = static_cast<int32_t>(expected_B3HW.size(3));
    sequence.geometry.grid_rows = sequence.geometry.height_px / patch_px;
    sequence.geometry.grid_cols = sequence.geometry.width_px / patch_px;
    const absl::StatusOr<at::Tensor> pixels_3HW = PatchesToPixels(sequence, patch_px);
    ASSERT_TRUE(pixels_3HW.ok()) << pixels_3HW.status();
    ExpectWithinTolerance(*pixels_3HW, expected_B3HW[i], pp_case.description.at("tolerance"));
  }
}

void CheckUnpatchify(const PpCase& pp_case) { CheckImages(pp_case, "out", MaxGridSizeOf(pp_case)); }

// Where the reference wraps columns beyond max_grid_size, ours refuses them; without it there is room for them.
void CheckUnpatchifyQuirk(const PpCase& pp_case) {
  if (const std::optional<int64_t> max_grid_size = MaxGridSizeOf(pp_case)) {
    const auto refused =
        UnpatchifyBatch(BatchOf(pp_case, pp_case.Tensors()), pp_case.description.at("patch"), max_grid_size);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  }
  CheckImages(pp_case, "out_sane", std::nullopt);
}

void CheckUnpatchifyError(const PpCase& pp_case) {
  const absl::StatusOr<at::Tensor> canvas_B3HW =
      UnpatchifyBatch(BatchOf(pp_case, pp_case.Tensors()), pp_case.description.at("patch"), MaxGridSizeOf(pp_case));
  EXPECT_EQ(canvas_B3HW.status().code(), absl::StatusCode::kInvalidArgument);
  const absl::StatusOr<at::Tensor> pixels_3HW =
      PatchesToPixels(SequenceOf(pp_case, pp_case.Tensors(), 0), pp_case.description.at("patch"));
  EXPECT_EQ(pixels_3HW.status().code(), absl::StatusCode::kInvalidArgument);
}

// `pixels_3HW` as patches of one pixel, so that cutting to any size goes through PatchesToPixels.
PatchSequence PixelPatches(const at::Tensor& pixels_3HW, int64_t height_px, int64_t width_px) {
  const int64_t rows = pixels_3HW.size(1), cols = pixels_3HW.size(2);
  return {Patchify(pixels_3HW, 1),
          at::arange(rows, at::kInt).repeat_interleave(cols),
          at::arange(cols, at::kInt).repeat({rows}),
          {static_cast<int32_t>(height_px), static_cast<int32_t>(width_px), static_cast<int32_t>(rows),
           static_cast<int32_t>(cols)}};
}

void CheckUnpack(const PpCase& pp_case) {
  const TensorMap tensors = pp_case.Tensors();
  at::Tensor images_B3HW = tensors.at("images");
  if (images_B3HW.dim() == 3) images_B3HW = images_B3HW.unsqueeze(0);
  std::vector<ImageGeometry> sizes(images_B3HW.size(0));
  for (size_t i = 0; i < sizes.size(); ++i) {
    sizes[i].height_px = tensors.at("orig_height")[static_cast<int64_t>(i)].item<int32_t>();
    sizes[i].width_px = tensors.at("orig_width")[static_cast<int64_t>(i)].item<int32_t>();
  }
  const absl::StatusOr<std::vector<at::Tensor>> images = UnpackImages(images_B3HW, sizes);
  ASSERT_TRUE(images.ok()) << images.status();
  for (int64_t i = 0; i < images_B3HW.size(0); ++i) {
    const PatchSequence patches = PixelPatches(images_B3HW[i], tensors.at("orig_height")[i].item<int64_t>(),
                                               tensors.at("orig_width")[i].item<int64_t>());
    const absl::StatusOr<at::Tensor> pixels_3HW = PatchesToPixels(patches, 1);
    ASSERT_TRUE(pixels_3HW.ok()) << pixels_3HW.status();
    const at::Tensor expected_3HW = tensors.at("out" + std::to_string(i));
    ExpectWithinTolerance(*pixels_3HW, expected_3HW, pp_case.description.at("tolerance"));
    ExpectWithinTolerance((*images)[i], expected_3HW, pp_case.description.at("tolerance"));
  }
}

absl::StatusOr<PixelRange> RangeOf(const PpCase& pp_case, const char* key) {
  return ParsePixelRange(pp_case.description.at(key).get<std::string>());
}

void CheckFormat(const PpCase& pp_case) {
  const absl::StatusOr<PixelRange> from = RangeOf(pp_case, "current_format"), to = RangeOf(pp_case, "output_format");
  ASSERT_TRUE(from.ok()) << from.status();
  if (!to.ok()) {  // the reference returns its input for a name that it does not know; ours refuses the name
    EXPECT_NE(pp_case.description.value("note", "").find("sane: error"), std::string::npos) << to.status();
    EXPECT_EQ(to.status().code(), absl::StatusCode::kInvalidArgument);
    return;
  }
  const TensorMap tensors = pp_case.Tensors();
  ExpectWithinTolerance(ConvertPixelRange(tensors.at("in"), *from, *to), tensors.at("out"),
                        pp_case.description.at("tolerance"));
  if (*from == PixelRange::kMinusOneToOne && *to == PixelRange::kZeroTo255) {
    for (int64_t i = 0; i < tensors.at("in").size(0); ++i) {
      const at::Tensor& in_3HW = tensors.at("in")[i];
      const DecodedPicture picture = ToPicture(PixelPatches(in_3HW, in_3HW.size(1), in_3HW.size(2)), 1);
      EXPECT_TRUE(picture.pixels_HW3.permute({2, 0, 1}).equal(tensors.at("out")[i])) << "image " << i;
    }
  }
}

void CheckDictionary(const PpCase& pp_case) {
  const absl::StatusOr<PixelRange> from = RangeOf(pp_case, "current_format"), to = RangeOf(pp_case, "output_format");
  ASSERT_TRUE(from.ok() && to.ok());
  const TensorMap tensors = pp_case.Tensors();
  const bool unpack = pp_case.description.at("do_unpack").get<bool>();
  const absl::StatusOr<std::vector<at::Tensor>> images = PostprocessBatch(
      BatchOf(pp_case, tensors), pp_case.description.at("patch"), {*from, *to, unpack, MaxGridSizeOf(pp_case)});
  ASSERT_TRUE(images.ok()) << images.status();
  for (int64_t i = 0; i < tensors.at("patches").size(0); ++i) {
    PatchSequence sequence = SequenceOf(pp_case, tensors, i);
    if (unpack) {
      sequence.geometry.height_px = tensors.at("orig_height")[i].item<int32_t>();
      sequence.geometry.width_px = tensors.at("orig_width")[i].item<int32_t>();
    }
    const absl::StatusOr<at::Tensor> pixels_3HW = PatchesToPixels(sequence, pp_case.description.at("patch"));
    ASSERT_TRUE(pixels_3HW.ok()) << pixels_3HW.status();
    const at::Tensor expected = unpack ? tensors.at("out" + std::to_string(i)) : tensors.at("out")[i];
    ExpectWithinTolerance(ConvertPixelRange(*pixels_3HW, *from, *to), expected, pp_case.description.at("tolerance"));
    ExpectWithinTolerance((*images)[i], expected, pp_case.description.at("tolerance"));
  }
}

}  // namespace

void AddPostprocessChecks(PpChecks& checks) {
  checks["unpatchify"] = CheckUnpatchify;
  checks["unpatchify_quirk"] = CheckUnpatchifyQuirk;
  checks["unpatchify_error"] = CheckUnpatchifyError;
  checks["unpack"] = CheckUnpack;
  checks["postprocess_format"] = CheckFormat;
  checks["postprocess_dict"] = CheckDictionary;
}

}  // namespace vitok::golden
