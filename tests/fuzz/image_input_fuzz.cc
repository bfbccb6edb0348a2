// Images of a request (server/image_input.h): picture files, raw pixels and patch dicts, as a v1::ImageInput. Promises:
// an image has as many tokens as were counted before it was read (a picture file at most as many: EXIF orientation may
// turn it); what reaches a model is what models take; a refusal blames a field of the request.
#include "core/base/str_cat.h"
#include "server/image_input.h"
#include "tests/core/image/image_bytes.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/sequence_checks.h"
#include "tests/server/proto_tensors.h"

namespace vitok {
namespace {

constexpr std::string_view kField = "images[0]";

void RequireBlame(const absl::Status& status) {
  RequireRefusal(status);
  Require(BlamedField(status).starts_with(kField), "a refusal blames the image");
}

void CheckReading(const v1::ImageInput& image, const ImageReading& reading) {
  const absl::StatusOr<int64_t> tokens = CountImageTokens(kField, image, reading);
  if (!tokens.ok()) {
    RequireBlame(tokens.status());
    return;
  }
  Require(*tokens > 0, "an image has tokens");
  const absl::StatusOr<TokenizerInput> input = ReadImage(kField, image, reading);
  if (!input.ok()) {
    RequireBlame(input.status());
    return;
  }
  const PatchSequence patches = CheckImage(*input, *reading.model, reading.allow_nonfinite || !image.has_patches());
  const int64_t read = patches.patches_ND.size(0);
  Require(image.has_encoded() ? read <= *tokens : read == *tokens,
          StrCat("an image has the tokens that were counted, ", *tokens, "; was ", read));
  Require(read <= reading.max_tokens, "an image is within its limit");
}

void Run(std::string_view input) {
  const std::optional<v1::ImageInput> image = ParseMessage<v1::ImageInput>(input);
  if (!image.has_value()) return;
  static const TokenizerInfo model = FakeModelInfo();
  static const auto plain = Preprocessor::Parse("to_tensor|normalize|patchify(2, 4096)");
  static const auto resizing =
      Preprocessor::Parse("center_crop(9)|resize_longest_side(7)|to_tensor|normalize|patchify(2, 16)");
  ImageReading reading{.model = &model, .preprocessor = &*plain, .max_tokens = 1024, .max_pixels = 1 << 14};
  CheckReading(*image, reading);
  reading.preprocessor = &*resizing;
  reading.allow_nonfinite = true;
  CheckReading(*image, reading);
}

v1::ImageInput PatchDictImage(v1::DType dtype, int element_bytes) {
  v1::ImageInput image;
  v1::PatchDict& patches = *image.mutable_patches();
  *patches.mutable_patches() = ProtoTensor(dtype, {6, 12}, std::string(size_t{6} * 12 * element_bytes, '\x3c'));
  *patches.mutable_row_idx() = ProtoIndices({0, 0, 0, 1, 1, 1});
  *patches.mutable_col_idx() = ProtoLongIndices({2, 0, 1, 0, 2, 1});
  return image;
}

std::vector<std::string> Seeds() {
  std::vector<v1::ImageInput> images = {PatchDictImage(v1::DTYPE_FLOAT32, 4), PatchDictImage(v1::DTYPE_BFLOAT16, 2)};
  v1::ImageInput& masked = images.emplace_back(PatchDictImage(v1::DTYPE_FLOAT16, 2));
  *masked.mutable_patches()->mutable_patch_mask() =
      ProtoTensor(v1::DTYPE_BOOL, {6}, std::string("\x01\x01\x01\x00\x00\x00", 6));
  masked.mutable_patches()->set_grid_rows(1);
  masked.mutable_patches()->set_grid_cols(3);
  masked.mutable_patches()->set_original_height(1);
  masked.mutable_patches()->set_original_width(5);
  *images.emplace_back().mutable_raw() = ProtoTensor(v1::DTYPE_UINT8, {3, 5, 3}, std::string(45, '\x80'));
  for (const std::string name : {"d_exif6.png", "d_exif8.jpg", "d_webp.webp"}) {
    images.emplace_back().set_encoded(ReadFuzzFile(StrCat("tests/golden/data/pp/images/", name)));
  }
  images.emplace_back().set_encoded(MakeTiff(MakePattern(3, 4)));
  std::vector<std::string> seeds;
  for (const v1::ImageInput& image : images) seeds.push_back(image.SerializeAsString());
  return seeds;
}

const bool registered = RegisterFuzzTarget({.name = "image_input", .run = &Run, .seeds = &Seeds});

}  // namespace
}  // namespace vitok
