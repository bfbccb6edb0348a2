#include "core/image/preprocessor.h"

#include <algorithm>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <variant>

#include "absl/types/span.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/image/pipeline_syntax.h"
#include "core/image/random_transforms.h"

namespace vitok {
namespace {

// What an operation takes and gives.
enum class Stage { kImage, kTensor, kPatches };

std::string_view StageName(Stage stage) {
  switch (stage) {
    case Stage::kImage: return "an image";
    case Stage::kTensor: return "a tensor";
    case Stage::kPatches: return "patches";
  }
  return "";
}

// The stage after `op`, or an error that says what it takes instead of `in`.
absl::StatusOr<Stage> StageAfter(const TransformOp& op, Stage in);

struct StageVisitor {
  Stage in;

  absl::StatusOr<Stage> From(Stage wanted, Stage out) const {
    if (in == wanted) return out;
    return absl::InvalidArgumentError(
        StrCat("takes ", StageName(wanted), ", but gets ", StageName(in), " from the operations before it"));
  }

  absl::StatusOr<Stage> operator()(const CenterCropOp&) const { return From(Stage::kImage, Stage::kImage); }
  absl::StatusOr<Stage> operator()(const ResizeLongestSideOp&) const { return From(Stage::kImage, Stage::kImage); }
  absl::StatusOr<Stage> operator()(const RandomResizedCropOp&) const { return From(Stage::kImage, Stage::kImage); }
  absl::StatusOr<Stage> operator()(const CropAndResizeOp&) const { return From(Stage::kImage, Stage::kImage); }
  absl::StatusOr<Stage> operator()(const ToTensorOp&) const { return From(Stage::kImage, Stage::kTensor); }
  absl::StatusOr<Stage> operator()(const NormalizeOp&) const { return From(Stage::kTensor, Stage::kTensor); }
  absl::StatusOr<Stage> operator()(const ResizeToTokenBudgetOp&) const { return From(Stage::kTensor, Stage::kTensor); }
  absl::StatusOr<Stage> operator()(const PatchifyOp&) const { return From(Stage::kTensor, Stage::kPatches); }
  absl::StatusOr<Stage> operator()(const IdentityOp&) const { return in; }
  absl::StatusOr<Stage> operator()(const MirrorOp&) const {
    return in == Stage::kPatches ? From(Stage::kTensor, Stage::kTensor) : in;
  }
  absl::StatusOr<Stage> operator()(const FlipOp&) const { return (*this)(MirrorOp{}); }
  absl::StatusOr<Stage> operator()(const RandomChoiceOp& op) const {
    const absl::StatusOr<Stage> out = StageAfter(op.choices.front().op, in);
    for (size_t i = 0; i < op.choices.size(); ++i) {
      const absl::StatusOr<Stage> other = StageAfter(op.choices[i].op, in);
      if (!other.ok()) return absl::InvalidArgumentError(StrCat("ops[", i, "] ", other.status().message()));
      if (*other != *out) {
        return absl::InvalidArgumentError(StrCat("must give the same for each choice; ops[0] gives ", StageName(*out),
                                                 ", ops[", i, "] ", StageName(*other)));
      }
    }
    return out;
  }
};

absl::StatusOr<Stage> StageAfter(const TransformOp& op, Stage in) { return std::visit(StageVisitor{in}, op); }

// The size of the picture after `op`. REQUIRES: `op` is not random.
absl::StatusOr<SizePx> SizeAfter(const TransformOp& op, SizePx size) {
  if (const auto* crop = std::get_if<CenterCropOp>(&op)) return SizePx{crop->size_px, crop->size_px};
  if (const auto* resize = std::get_if<ResizeLongestSideOp>(&op)) return ResizedSize(*resize, size);
  if (const auto* crop = std::get_if<CropAndResizeOp>(&op)) return SizePx{crop->height_px, crop->width_px};
  if (const auto* resize = std::get_if<ResizeToTokenBudgetOp>(&op)) return BudgetSize(*resize, size);
  return size;
}

// What a pipeline does to a picture of one size, drawn from `random`.
absl::StatusOr<std::vector<TransformOp>> DrawOps(const std::vector<TransformOp>& ops, SizePx size,
                                                 RandomStream& random) {
  std::vector<TransformOp> drawn;
  for (const TransformOp& op : ops) {
    TransformOp next = DrawTransform(op, size, random);
    if (std::holds_alternative<IdentityOp>(next)) continue;
    VITOK_ASSIGN_OR_RETURN(size, SizeAfter(next, size));
    drawn.push_back(std::move(next));
  }
  return drawn;
}

// The tokens of a picture. REQUIRES: no operation is random.
absl::StatusOr<int64_t> CountTokensOf(const std::vector<TransformOp>& ops, SizePx size) {
  if (ops.empty() || !std::holds_alternative<PatchifyOp>(ops.back())) {
    return absl::FailedPreconditionError("preprocessing must end in patchify to give tokens");
  }
  for (const TransformOp& op : ops) {
    VITOK_ASSIGN_OR_RETURN(size, SizeAfter(op, size));
  }
  return CountPatches(std::get<PatchifyOp>(ops.back()), size);
}

absl::Status CheckSize(SizePx size) {
  if (size.height >= 1 && size.width >= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("image must have at least 1 x 1 px; was ", size.width, " x ", size.height, " px"));
}

// What flows from one operation to the next. An image is first borrowed, then owned.
using State = std::variant<RgbView, RgbImage, at::Tensor, PatchSequence>;

RgbView ImageOf(const State& state) {
  const auto* borrowed = std::get_if<RgbView>(&state);
  return borrowed != nullptr ? *borrowed : RgbView(std::get<RgbImage>(state));
}

absl::StatusOr<State> Apply(const TransformOp& op, State state) {
  if (const auto* crop = std::get_if<CenterCropOp>(&op)) return State(CropToCenter(*crop, ImageOf(state)));
  if (const auto* resize = std::get_if<ResizeLongestSideOp>(&op)) {
    VITOK_ASSIGN_OR_RETURN(RgbImage image, ResizeToLongestSide(*resize, ImageOf(state)));
    return State(std::move(image));
  }
  if (const auto* crop = std::get_if<CropAndResizeOp>(&op)) return State(CropAndResize(*crop, ImageOf(state)));
  if (std::holds_alternative<MirrorOp>(op)) {
    if (const auto* pixels_3HW = std::get_if<at::Tensor>(&state)) return State(MirrorTensor(*pixels_3HW));
    return State(MirrorImage(ImageOf(state)));
  }
  if (std::holds_alternative<ToTensorOp>(op)) return State(ImageToTensor(ImageOf(state)));
  if (const auto* normalize = std::get_if<NormalizeOp>(&op)) {
    return State(NormalizeTensor(*normalize, std::get<at::Tensor>(state)));
  }
  if (const auto* resize = std::get_if<ResizeToTokenBudgetOp>(&op)) {
    return State(ResizeToTokenBudget(*resize, std::get<at::Tensor>(state)));
  }
  if (const auto* patchify = std::get_if<PatchifyOp>(&op)) {
    VITOK_ASSIGN_OR_RETURN(PatchSequence patches, PatchifyTensor(*patchify, std::get<at::Tensor>(state)));
    return State(std::move(patches));
  }
  return state;
}

// Pixels to the tensor that to_tensor, normalize and resize_to_token_budget give, if ops begin with these, and how many
// operations that were.
std::optional<std::pair<at::Tensor, size_t>> RunTokenBudget(absl::Span<const TransformOp> ops, const State& state) {
  if (!std::holds_alternative<ToTensorOp>(ops.front())) return std::nullopt;
  std::vector<NormalizeOp> normalize;
  for (size_t i = 1; i < ops.size(); ++i) {
    if (const auto* resize = std::get_if<ResizeToTokenBudgetOp>(&ops[i])) {
      return std::pair(ImageToTokenBudget(normalize, *resize, ImageOf(state)), i + 1);
    }
    if (!std::holds_alternative<NormalizeOp>(ops[i])) break;
    normalize.push_back(std::get<NormalizeOp>(ops[i]));
  }
  return std::nullopt;
}

// REQUIRES: ops end in patchify.
absl::StatusOr<PatchSequence> RunOps(absl::Span<const TransformOp> ops, RgbView image) {
  State state = image;
  while (!ops.empty()) {
    // The usual end of a pipeline goes over the pixels once.
    if (ops.size() == 3 && std::holds_alternative<ToTensorOp>(ops[0])) {
      const auto* normalize = std::get_if<NormalizeOp>(&ops[1]);
      const auto* patchify = std::get_if<PatchifyOp>(&ops[2]);
      if (normalize != nullptr && patchify != nullptr) return PatchifyImage(*normalize, *patchify, ImageOf(state));
    }
    if (auto budget = RunTokenBudget(ops, state)) {
      state = std::move(budget->first);
      ops.remove_prefix(budget->second);
      continue;
    }
    VITOK_ASSIGN_OR_RETURN(state, Apply(ops.front(), std::move(state)));
    ops.remove_prefix(1);
  }
  return std::get<PatchSequence>(std::move(state));
}

// The image of `state` as a tensor, which owns it if the state did.
at::Tensor PixelsOf(State state) {
  const auto view = [](RgbView image, const std::function<void(void*)>& release) {
    return at::from_blob(const_cast<uint8_t*>(image.pixels_HWC), {image.height_px, image.width_px, 3}, release,
                         at::kByte);
  };
  auto* const owned = std::get_if<RgbImage>(&state);
  if (owned == nullptr) return view(std::get<RgbView>(state), [](void*) {});
  const auto image = std::make_shared<const RgbImage>(std::move(*owned));
  return view(*image, [image](void*) {});
}

// What goes wrong in `run`, as a status.
template <typename Result, typename Run>
absl::StatusOr<Result> CatchFailures(RgbView image, const Run& run) {
  try {
    return run();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        StrCat("no memory to preprocess an image of ", image.width_px, " x ", image.height_px, " px"));
  } catch (const std::exception& error) {
    return absl::InternalError(StrCat("preprocessing failed: ", error.what()));
  }
}

}  // namespace

absl::StatusOr<Preprocessor> Preprocessor::Parse(std::string_view spec) {
  VITOK_ASSIGN_OR_RETURN(const std::vector<OpCall> calls, ParsePipelineSyntax(spec));
  std::vector<TransformOp> ops;
  for (const OpCall& call : calls) {
    VITOK_ASSIGN_OR_RETURN(TransformOp op, BuildTransform(call));
    ops.push_back(std::move(op));
  }
  Stage stage = Stage::kImage;
  for (size_t i = 0; i < ops.size(); ++i) {
    const absl::StatusOr<Stage> after = StageAfter(ops[i], stage);
    if (!after.ok()) return PartError(calls[i], StrCat(calls[i].name, " ", after.status().message()));
    stage = *after;
  }
  const bool random = std::any_of(ops.begin(), ops.end(), IsRandom);
  if (!random) {
    // Nothing is left to chance, so what there is to draw is drawn now.
    RandomStream unused(0, 0);
    for (TransformOp& op : ops) op = DrawTransform(op, {1, 1}, unused);
  }
  std::erase_if(ops, [](const TransformOp& op) { return std::holds_alternative<IdentityOp>(op); });
  return Preprocessor(std::move(ops), random);
}

absl::StatusOr<PatchSequence> Preprocessor::Run(RgbView image) const {
  // First, so that nothing is computed for an image that would be refused at the end.
  VITOK_RETURN_IF_ERROR(CountTokens(image.height_px, image.width_px).status());
  return CatchFailures<PatchSequence>(image, [&] { return RunOps(ops_, image); });
}

absl::StatusOr<PatchSequence> Preprocessor::Run(RgbView image, RandomStream& random) const {
  const SizePx size = {image.height_px, image.width_px};
  VITOK_RETURN_IF_ERROR(CheckSize(size));
  VITOK_ASSIGN_OR_RETURN(const std::vector<TransformOp> drawn, DrawOps(ops_, size, random));
  VITOK_RETURN_IF_ERROR(CountTokensOf(drawn, size).status());
  return CatchFailures<PatchSequence>(image, [&] { return RunOps(drawn, image); });
}

std::optional<NormalizeMode> Preprocessor::pixel_mode() const {
  const auto to_tensor = std::find_if(ops_.begin(), ops_.end(),
                                      [](const TransformOp& op) { return std::holds_alternative<ToTensorOp>(op); });
  const auto left = ops_.end() - to_tensor;
  if (is_random_ || left < 2 || left > 3 || !std::holds_alternative<PatchifyOp>(ops_.back())) return std::nullopt;
  if (left == 2) return NormalizeMode::kZeroToOne;  // which leaves values as to_tensor makes them
  const auto* normalize = std::get_if<NormalizeOp>(&to_tensor[1]);
  if (normalize == nullptr) return std::nullopt;
  return normalize->mode;
}

template <typename Image>
absl::StatusOr<at::Tensor> Preprocessor::RunUntilTensor(Image image) const {
  VITOK_RETURN_IF_ERROR(CountTokens(image.height_px, image.width_px).status());
  return CatchFailures<at::Tensor>(image, [&]() -> absl::StatusOr<at::Tensor> {
    State state = std::move(image);
    for (const TransformOp& op : ops_) {
      if (std::holds_alternative<ToTensorOp>(op)) break;
      VITOK_ASSIGN_OR_RETURN(state, Apply(op, std::move(state)));
    }
    return PixelsOf(std::move(state));
  });
}

absl::StatusOr<at::Tensor> Preprocessor::RunOnPixels(RgbView image) const { return RunUntilTensor(image); }

absl::StatusOr<at::Tensor> Preprocessor::RunOnPixels(RgbImage&& image) const {
  return RunUntilTensor(std::move(image));
}

absl::StatusOr<int64_t> Preprocessor::CountTokens(int32_t height_px, int32_t width_px) const {
  const SizePx size = {height_px, width_px};
  VITOK_RETURN_IF_ERROR(CheckSize(size));
  if (is_random_) {
    return absl::FailedPreconditionError(
        "preprocessing is random; what it does to an image depends on a random stream");
  }
  return CountTokensOf(ops_, size);
}

int64_t Preprocessor::patch_px() const {
  const auto* patchify = ops_.empty() ? nullptr : std::get_if<PatchifyOp>(&ops_.back());
  return patchify == nullptr ? 0 : patchify->patch_px;
}

}  // namespace vitok
