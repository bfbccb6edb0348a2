// The preprocessing language (core/image/pipeline_syntax.h, preprocessor.h). Promises: every operation that parses in
// a pipeline parses alone, to the same; a pipeline gives as many tokens as it counts for the size of the picture, or
// the error that it gives when it counts; nothing is computed for more tokens than patchify allows; a random pipeline
// does the same for the same stream, and nothing without one.
#include <algorithm>
#include <variant>

#include "core/image/pipeline_syntax.h"
#include "core/image/preprocessor.h"
#include "tests/core/image/image_bytes.h"
#include "tests/fuzz/fuzz_target.h"

namespace vitok {
namespace {

void CheckSyntax(std::string_view input) {
  const absl::StatusOr<std::vector<OpCall>> calls = ParsePipelineSyntax(input);
  if (!calls.ok()) {
    RequireRefusal(calls.status());
    return;
  }
  int last_part = 0;
  for (const OpCall& call : *calls) {
    Require(call.part > last_part, "parts are in order");
    Require(call.text == input.substr(call.position, call.text.size()), "an operation knows its text");
    const absl::StatusOr<OpCall> alone = ParseOpSyntax(call.text);
    RequireOk(alone.status(), "an operation of a pipeline parses alone");
    Require(alone->name == call.name && alone->args.size() == call.args.size() &&
                alone->keyword_args.size() == call.keyword_args.size(),
            "an operation means the same alone");
    last_part = call.part;
  }
}

// The service refuses larger ones by max_image_pixels.
bool MakesLargePictures(const TransformOp& op) {
  constexpr int32_t kMaxSide = 256;
  if (const auto* crop = std::get_if<CenterCropOp>(&op)) return crop->size_px > kMaxSide;
  if (const auto* crop = std::get_if<RandomResizedCropOp>(&op)) {
    return crop->height_px > kMaxSide || crop->width_px > kMaxSide;
  }
  const auto* random = std::get_if<RandomChoiceOp>(&op);
  return random != nullptr &&
         std::ranges::any_of(random->choices, [](const RandomChoice& choice) { return MakesLargePictures(choice.op); });
}

void CheckPatches(const Preprocessor& preprocessor, const PatchSequence& patches) {
  const int64_t tokens = patches.patches_ND.size(0);
  Require(patches.patches_ND.size(1) == 3 * preprocessor.patch_px() * preprocessor.patch_px(),
          "a token has the values of its patch");
  Require(patches.row_N.numel() == tokens && patches.col_N.numel() == tokens, "every token has a place");
  Require(int64_t{patches.geometry.grid_rows} * patches.geometry.grid_cols == tokens, "tokens fill the grid");
}

void CheckRandomRun(const Preprocessor& preprocessor, const RgbImage& image) {
  Require(absl::IsFailedPrecondition(preprocessor.Run(image).status()), "a random pipeline needs a stream");
  // Few enough pixels for any pictures that the pipeline may make.
  if (preprocessor.patch_px() > 16) return;
  for (const uint64_t index : {0, 1, 2}) {
    RandomStream first(1, index), second(1, index);
    const absl::StatusOr<PatchSequence> patches = preprocessor.Run(image, first);
    const absl::StatusOr<PatchSequence> again = preprocessor.Run(image, second);
    Require(patches.status() == again.status(), "a stream decides about errors");
    if (!patches.ok()) continue;
    Require(patches->patches_ND.equal(again->patches_ND), "a stream decides what a random pipeline does");
    CheckPatches(preprocessor, *patches);
  }
}

void CheckRun(const Preprocessor& preprocessor, const RgbImage& image) {
  const absl::StatusOr<int64_t> count = preprocessor.CountTokens(image.height_px, image.width_px);
  // A token of patchify(256, ...) has 768 KiB: it is not the count that this bounds.
  constexpr int64_t kMaxPixels = 1 << 20;
  const int64_t patch_pixels = preprocessor.patch_px() * preprocessor.patch_px();
  if (count.ok() && *count * patch_pixels > kMaxPixels) return;
  const absl::StatusOr<PatchSequence> patches = preprocessor.Run(image);
  Require(patches.status() == count.status(), "a pipeline fails as it does when it counts");
  if (!patches.ok()) {
    Require(!patches.status().message().empty(), "an error has a message");
    return;
  }
  Require(patches->patches_ND.size(0) == *count, "a pipeline gives the tokens that it counted");
  CheckPatches(preprocessor, *patches);
}

void Run(std::string_view input) {
  CheckSyntax(input);
  const absl::StatusOr<Preprocessor> preprocessor = Preprocessor::Parse(input);
  if (!preprocessor.ok()) {
    RequireRefusal(preprocessor.status());
    return;
  }
  if (std::ranges::any_of(preprocessor->ops(), MakesLargePictures)) return;
  for (const auto& [height_px, width_px] : {std::pair{1, 1}, {1, 300}, {37, 23}}) {
    const RgbImage image = MakePattern(height_px, width_px);
    if (preprocessor->is_random()) {
      CheckRandomRun(*preprocessor, image);
    } else {
      CheckRun(*preprocessor, image);
    }
  }
}

std::vector<std::string> Seeds() {
  return {"to_tensor|normalize(minus_one_to_one)|patchify(16, 4096)",
          "resize_longest_side(max_size=20)|to_tensor|normalize('imagenet')|patchify(patch=4, max_tokens=0x40)",
          "center_crop(7)||identity()|to_tensor|identity|normalize(mode=zero_to_one,)|patchify(2)",
          "to_tensor | patchify(1, 1_000)",
          "random_choice(['random_resized_crop(20)', 'identity'], [1, 3])|flip|to_tensor|normalize|"
          "resize_to_token_budget(4, 9)|patchify(4, 9)",
          "random_choice(ops=[\"random_choice(['flip(1)', 'center_crop(5)'], [0, 1])\"], "
          "probs=[0.5])|to_tensor|patchify(2)",
          "random_resized_crop((8, 12), scale=(0, 0.5), ratio=[0.001, 1e3])|to_tensor|flip(0.25)|patchify(4, 6)",
          "random_resized_crop(224, scale=[0.5, -1e-1], ratio=(0.75, 1.333), x=(1), y=(1,), z=\"a\\n\")",
          "f(None, True, [False, [[]], ()], --5, +.5, 'it\\'s')"};
}

const bool registered = RegisterFuzzTarget({.name = "pipeline", .run = &Run, .seeds = &Seeds});

}  // namespace
}  // namespace vitok
