#include "core/image/preprocessor.h"

#include <algorithm>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <variant>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/image/pipeline_syntax.h"

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

struct Signature {
  Stage in, out;
};

// nullopt: identity, which takes anything.
std::optional<Signature> SignatureOf(const TransformOp& op) {
  struct Visitor {
    std::optional<Signature> operator()(const CenterCropOp&) { return Signature{Stage::kImage, Stage::kImage}; }
    std::optional<Signature> operator()(const ResizeLongestSideOp&) { return Signature{Stage::kImage, Stage::kImage}; }
    std::optional<Signature> operator()(const ToTensorOp&) { return Signature{Stage::kImage, Stage::kTensor}; }
    std::optional<Signature> operator()(const NormalizeOp&) { return Signature{Stage::kTensor, Stage::kTensor}; }
    std::optional<Signature> operator()(const PatchifyOp&) { return Signature{Stage::kTensor, Stage::kPatches}; }
    std::optional<Signature> operator()(const IdentityOp&) { return std::nullopt; }
  };
  return std::visit(Visitor{}, op);
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
  if (std::holds_alternative<ToTensorOp>(op)) return State(ImageToTensor(ImageOf(state)));
  if (const auto* normalize = std::get_if<NormalizeOp>(&op)) {
    return State(NormalizeTensor(*normalize, std::get<at::Tensor>(state)));
  }
  if (const auto* patchify = std::get_if<PatchifyOp>(&op)) {
    VITOK_ASSIGN_OR_RETURN(PatchSequence patches, PatchifyTensor(*patchify, std::get<at::Tensor>(state)));
    return State(std::move(patches));
  }
  return state;
}

absl::StatusOr<PatchSequence> RunOps(const std::vector<TransformOp>& ops, RgbView image) {
  State state = image;
  for (size_t i = 0; i < ops.size(); ++i) {
    // The usual end of a pipeline goes over the pixels once.
    if (i + 3 == ops.size() && std::holds_alternative<ToTensorOp>(ops[i])) {
      const auto* normalize = std::get_if<NormalizeOp>(&ops[i + 1]);
      const auto* patchify = std::get_if<PatchifyOp>(&ops[i + 2]);
      if (normalize != nullptr && patchify != nullptr) return PatchifyImage(*normalize, *patchify, ImageOf(state));
    }
    VITOK_ASSIGN_OR_RETURN(state, Apply(ops[i], std::move(state)));
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
    ops.push_back(op);
  }
  Stage stage = Stage::kImage;
  for (size_t i = 0; i < ops.size(); ++i) {
    const std::optional<Signature> signature = SignatureOf(ops[i]);
    if (!signature.has_value()) continue;
    if (signature->in != stage) {
      return PartError(calls[i], StrCat(calls[i].name, " takes ", StageName(signature->in), ", but gets ",
                                        StageName(stage), " from the operations before it"));
    }
    stage = signature->out;
  }
  std::erase_if(ops, [](const TransformOp& op) { return std::holds_alternative<IdentityOp>(op); });
  return Preprocessor(std::move(ops));
}

absl::StatusOr<PatchSequence> Preprocessor::Run(RgbView image) const {
  // First, so that nothing is computed for an image that would be refused at the end.
  VITOK_RETURN_IF_ERROR(CountTokens(image.height_px, image.width_px).status());
  return CatchFailures<PatchSequence>(image, [&] { return RunOps(ops_, image); });
}

std::optional<NormalizeMode> Preprocessor::pixel_mode() const {
  const auto to_tensor = std::find_if(ops_.begin(), ops_.end(),
                                      [](const TransformOp& op) { return std::holds_alternative<ToTensorOp>(op); });
  const auto left = ops_.end() - to_tensor;
  if (left < 2 || left > 3 || !std::holds_alternative<PatchifyOp>(ops_.back())) return std::nullopt;
  if (left == 2) return NormalizeMode::kZeroToOne;  // which leaves values as to_tensor makes them
  return std::get<NormalizeOp>(to_tensor[1]).mode;  // nothing else goes between tensors
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
  if (height_px < 1 || width_px < 1) {
    return absl::InvalidArgumentError(
        StrCat("image must have at least 1 x 1 px; was ", width_px, " x ", height_px, " px"));
  }
  SizePx size{height_px, width_px};
  for (const TransformOp& op : ops_) {
    if (const auto* crop = std::get_if<CenterCropOp>(&op)) size = {crop->size_px, crop->size_px};
    if (const auto* resize = std::get_if<ResizeLongestSideOp>(&op)) {
      VITOK_ASSIGN_OR_RETURN(size, ResizedSize(*resize, size));
    }
    if (const auto* patchify = std::get_if<PatchifyOp>(&op)) return CountPatches(*patchify, size);
  }
  return absl::FailedPreconditionError("preprocessing must end in patchify to give tokens");
}

int64_t Preprocessor::patch_px() const {
  const auto* patchify = ops_.empty() ? nullptr : std::get_if<PatchifyOp>(&ops_.back());
  return patchify == nullptr ? 0 : patchify->patch_px;
}

}  // namespace vitok
