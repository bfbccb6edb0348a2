// The preprocessing language (core/image/pipeline_syntax.h, preprocessor.h). Promises: every operation that parses in
// a pipeline parses alone, to the same; a pipeline gives as many tokens as it counts for the size of the picture, or
// the error that it gives when it counts; nothing is computed for more tokens than patchify allows.
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
bool CropsToLarge(const Preprocessor& preprocessor) {
  constexpr int32_t kMaxCropPx = 256;
  return std::ranges::any_of(preprocessor.ops(), [](const TransformOp& op) {
    const auto* crop = std::get_if<CenterCropOp>(&op);
    return crop != nullptr && crop->size_px > kMaxCropPx;
  });
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
  Require(patches->patches_ND.size(1) == 3 * patch_pixels, "a token has the values of its patch");
  Require(patches->row_N.numel() == *count && patches->col_N.numel() == *count, "every token has a place");
  Require(int64_t{patches->geometry.grid_rows} * patches->geometry.grid_cols == *count, "tokens fill the grid");
}

void Run(std::string_view input) {
  CheckSyntax(input);
  const absl::StatusOr<Preprocessor> preprocessor = Preprocessor::Parse(input);
  if (!preprocessor.ok()) {
    RequireRefusal(preprocessor.status());
    return;
  }
  if (CropsToLarge(*preprocessor)) return;
  for (const auto& [height_px, width_px] : {std::pair{1, 1}, {1, 300}, {37, 23}}) {
    CheckRun(*preprocessor, MakePattern(height_px, width_px));
  }
}

std::vector<std::string> Seeds() {
  return {"to_tensor|normalize(minus_one_to_one)|patchify(16, 4096)",
          "resize_longest_side(max_size=20)|to_tensor|normalize('imagenet')|patchify(patch=4, max_tokens=0x40)",
          "center_crop(7)||identity()|to_tensor|identity|normalize(mode=zero_to_one,)|patchify(2)",
          "to_tensor | patchify(1, 1_000)",
          "random_resized_crop(224, scale=[0.5, -1e-1], ratio=(0.75, 1.333), x=(1), y=(1,), z=\"a\\n\")",
          "f(None, True, [False, [[]], ()], --5, +.5, 'it\\'s')"};
}

const bool registered = RegisterFuzzTarget({.name = "pipeline", .run = &Run, .seeds = &Seeds});

}  // namespace
}  // namespace vitok
