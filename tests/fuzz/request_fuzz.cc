// Whole requests: the first byte names the method, the others are its message. Does what a call does on its way through
// the server (server/item_call.h), without its threads: options, counting, reading, a model that gives back what it is
// given, writing. Promises: options and items are refused with INVALID_ARGUMENT that blames a field, or go all the way;
// a written picture has the size that the reply states.
#include "core/base/str_cat.h"
#include "core/image/codec.h"
#include "core/model/pixel_sequences.h"
#include "server/image_request.h"
#include "server/latent_input.h"
#include "server/latent_output.h"
#include "server/picture_output.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/sequence_checks.h"
#include "tests/server/proto_tensors.h"
#include "tests/support/fake_tokenizer.h"

namespace vitok {
namespace {

constexpr RequestLimits kLimits{.max_images_per_request = 4, .max_image_tokens = 1024, .max_image_pixels = 1 << 14};

const LoadedModel& Model() {
  static const std::shared_ptr<LoadedModel> model = *LoadModel(
      {.name = "fake"}, kLimits, [](const LoadOptions&) { return std::make_unique<FakeTokenizer>(/*patch_px=*/2); });
  return *model;
}

void RequireBlame(const absl::Status& status) {
  RequireRefusal(status);
  Require(!BlamedField(status).empty(), "a refusal blames a field");
}

void CheckPicture(const PatchSequence& patches, const v1::PictureOptions& options) {
  v1::Picture picture;
  const int64_t patch_px = Model().info().patch_px;
  TokenizerOutput output = patches;
  if (OutputFormOf(options) == OutputForm::kPicture) output = ToPicture(patches, patch_px);
  const absl::StatusOr<WrittenValue> value = WritePicture(output, patch_px, options, &picture);
  RequireOk(value.status(), "a small picture can be written");
  Require(picture.height_px() == patches.geometry.height_px && picture.width_px() == patches.geometry.width_px,
          "a picture has the size of its patches");
  if (picture.has_tensor()) return;
  const absl::StatusOr<ImageHeader> header =
      ReadImageHeader({reinterpret_cast<const char*>(value->bytes.begin()), value->bytes.size()});
  RequireOk(header.status(), "a written picture has a header");
  Require(header->height_px == picture.height_px() && header->width_px == picture.width_px(),
          "a written picture has the size that is stated");
}

// Calls `use` with every image that is read.
template <typename Request, typename Use>
void ReadImages(const Request& request, const Use& use) {
  std::optional<Preprocessor> own_pipeline;
  ImageReading reading;
  if (const absl::Status read = ReadImageOptions(request, Model(), kLimits, own_pipeline, reading); !read.ok()) {
    RequireBlame(read);
    return;
  }
  for (int i = 0; i < std::min<int64_t>(request.images_size(), kLimits.max_images_per_request); ++i) {
    const std::string field = StrCat("images[", i, "]");
    const absl::StatusOr<int64_t> tokens = CountImageTokens(field, request.images(i), reading);
    const absl::StatusOr<TokenizerInput> input =
        tokens.ok() ? ReadImage(field, request.images(i), reading) : absl::StatusOr<TokenizerInput>(tokens.status());
    if (!input.ok()) {
      RequireBlame(input.status());
      continue;
    }
    const PatchSequence patches =
        CheckImage(*input, Model().info(), request.allow_nonfinite() || !request.images(i).has_patches());
    Require(patches.patches_ND.size(0) <= *tokens, "no image has more tokens than were counted");
    use(patches);
  }
}

void RunEncode(std::string_view input) {
  const auto request = ParseMessage<v1::EncodeRequest>(input);
  if (!request.has_value()) return;
  const absl::StatusOr<LatentForm> form = ReadLatentForm(*request, Model().info().dtype);
  if (!form.ok()) {
    RequireBlame(form.status());
    return;
  }
  ReadImages(*request, [&form](const PatchSequence& patches) {
    v1::Latents latents;
    const grpc::Slice z =
        WriteLatents({patches.patches_ND, patches.row_N, patches.col_N, patches.geometry}, *form, &latents).bytes;
    latents.mutable_z()->set_data(z.begin(), z.size());
    const auto again = ReadLatents("latents", latents, Model().info(), /*allow_nonfinite=*/true);
    RequireOk(again.status(), "latents of a reply can be decoded");
  });
}

void RunDecode(std::string_view input) {
  const auto request = ParseMessage<v1::DecodeRequest>(input);
  if (!request.has_value()) return;
  const absl::StatusOr<v1::PictureOptions> options = ReadPictureOptions(request->picture());
  if (!options.ok()) {
    RequireBlame(options.status());
    return;
  }
  for (int i = 0; i < std::min<int64_t>(request->latents_size(), kLimits.max_images_per_request); ++i) {
    const std::string field = StrCat("latents[", i, "]");
    const absl::StatusOr<int64_t> tokens = CountLatentTokens(field, request->latents(i), kLimits.max_image_tokens);
    const absl::StatusOr<LatentSequence> latents =
        tokens.ok() ? ReadLatents(field, request->latents(i), Model().info(), request->allow_nonfinite())
                    : absl::StatusOr<LatentSequence>(tokens.status());
    if (!latents.ok()) {
      RequireBlame(latents.status());
      continue;
    }
    CheckLatentSequence(*latents, Model().info(), request->allow_nonfinite());
    CheckPicture({latents->z_NZ.to(at::kFloat), latents->row_N, latents->col_N, latents->geometry}, *options);
  }
}

void RunReconstruct(std::string_view input) {
  const auto request = ParseMessage<v1::ReconstructRequest>(input);
  if (!request.has_value()) return;
  const absl::StatusOr<v1::PictureOptions> options = ReadPictureOptions(request->picture());
  if (!options.ok()) {
    RequireBlame(options.status());
    return;
  }
  ReadImages(*request, [&options](const PatchSequence& patches) { CheckPicture(patches, *options); });
}

void Run(std::string_view input) {
  if (input.empty()) return;
  constexpr std::array kMethods = {&RunEncode, &RunDecode, &RunReconstruct};
  kMethods[static_cast<uint8_t>(input.front()) % kMethods.size()](input.substr(1));
}

std::vector<std::string> Seeds() {
  v1::ImageInput raw;
  *raw.mutable_raw() = ProtoTensor(v1::DTYPE_UINT8, {3, 5, 3}, std::string(45, '\x80'));
  v1::ImageInput patches;
  *patches.mutable_patches()->mutable_patches() = ProtoTensor(v1::DTYPE_FLOAT32, {2, 12}, std::string(96, '\x3c'));
  *patches.mutable_patches()->mutable_row_idx() = ProtoIndices({0, 0});
  *patches.mutable_patches()->mutable_col_idx() = ProtoIndices({1, 0});
  v1::ImageInput file;
  file.set_encoded(ReadFuzzFile("tests/golden/data/pp/images/d_exif6.png"));

  v1::EncodeRequest encode;
  encode.set_model("fake");
  for (const v1::ImageInput& image : {raw, patches, file}) *encode.add_images() = image;
  encode.set_preprocess("center_crop(6)|to_tensor|normalize|patchify(2, 64)");
  encode.set_latent_dtype(v1::DTYPE_BFLOAT16);
  encode.set_latent_layout(v1::LATENT_LAYOUT_GRID);
  v1::DecodeRequest decode;
  v1::Latents& latents = *decode.add_latents();
  *latents.mutable_z() = ProtoTensor(v1::DTYPE_FLOAT32, {12, 2, 3}, std::string(288, '\x3c'));
  latents.set_width_px(5);
  decode.mutable_picture()->set_format(v1::PIXEL_FORMAT_WEBP);
  decode.mutable_picture()->set_quality(80);
  decode.set_allow_nonfinite(true);
  v1::ReconstructRequest reconstruct;
  *reconstruct.add_images() = patches;
  reconstruct.mutable_picture()->set_format(v1::PIXEL_FORMAT_JPEG);
  v1::ReconstructRequest plain;
  *plain.add_images() = raw;
  return {StrCat(std::string(1, '\0'), encode.SerializeAsString()), StrCat("\1", decode.SerializeAsString()),
          StrCat("\2", reconstruct.SerializeAsString()), StrCat("\2", plain.SerializeAsString())};
}

const bool registered = RegisterFuzzTarget({.name = "request", .run = &Run, .seeds = &Seeds});

}  // namespace
}  // namespace vitok
