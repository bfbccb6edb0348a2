#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/image/op_arguments.h"
#include "core/image/transforms.h"

namespace vitok {
namespace {

absl::StatusOr<TransformOp> BuildCenterCrop(const OpCall& call) {
  CenterCropOp op;
  VITOK_ASSIGN_OR_RETURN(const OpArguments arguments, OpArguments::Bind(call, {"size"}));
  VITOK_RETURN_IF_ERROR(arguments.ReadInteger("size", kMaxSidePx, op.size_px));
  return op;
}

absl::StatusOr<TransformOp> BuildResizeLongestSide(const OpCall& call) {
  ResizeLongestSideOp op;
  VITOK_ASSIGN_OR_RETURN(const OpArguments arguments, OpArguments::Bind(call, {"max_size"}));
  VITOK_RETURN_IF_ERROR(arguments.ReadInteger("max_size", kMaxSidePx, op.max_size_px));
  return op;
}

// `size`: the side of a square, or (height, width).
absl::Status ReadCropSize(const OpArguments& arguments, RandomResizedCropOp& op) {
  VITOK_ASSIGN_OR_RETURN(const ArgValue* const size, arguments.Get("size"));
  const std::vector<ArgValue>* const sides = ValuesOf(*size);
  if (sides != nullptr && sides->size() != 2) {
    return absl::InvalidArgumentError("size must be one integer or (height, width)");
  }
  const ArgValue& height = sides == nullptr ? *size : sides->front();
  const ArgValue& width = sides == nullptr ? *size : sides->back();
  VITOK_ASSIGN_OR_RETURN(const int64_t height_px, ToInteger("size", height, kMaxSidePx));
  VITOK_ASSIGN_OR_RETURN(const int64_t width_px, ToInteger("size", width, kMaxSidePx));
  op.height_px = static_cast<int32_t>(height_px);
  op.width_px = static_cast<int32_t>(width_px);
  return absl::OkStatus();
}

absl::StatusOr<TransformOp> BuildRandomResizedCrop(const OpCall& call) {
  RandomResizedCropOp op;
  VITOK_ASSIGN_OR_RETURN(const OpArguments arguments, OpArguments::Bind(call, {"size", "scale", "ratio"}));
  VITOK_RETURN_IF_ERROR(ReadCropSize(arguments, op));
  VITOK_RETURN_IF_ERROR(arguments.ReadRange("scale", {0.0, kMaxCropScale}, op.scale));
  VITOK_RETURN_IF_ERROR(arguments.ReadRange("ratio", {1.0 / kMaxCropRatio, kMaxCropRatio}, op.ratio));
  return op;
}

absl::StatusOr<TransformOp> BuildFlip(const OpCall& call) {
  FlipOp op;
  VITOK_ASSIGN_OR_RETURN(const OpArguments arguments, OpArguments::Bind(call, {"p"}));
  VITOK_RETURN_IF_ERROR(arguments.ReadNumber("p", {0.0, 1.0}, op.probability));
  return op;
}

absl::StatusOr<TransformOp> Build(const OpCall& call);

absl::StatusOr<TransformOp> BuildChoice(const ArgValue& value) {
  const auto* text = std::get_if<std::string>(&value.value);
  if (text == nullptr) return absl::InvalidArgumentError("must be an operation in quotes");
  VITOK_ASSIGN_OR_RETURN(const OpCall call, ParseOpSyntax(*text));
  return Build(call);
}

absl::StatusOr<TransformOp> BuildRandomChoice(const OpCall& call) {
  VITOK_ASSIGN_OR_RETURN(const OpArguments arguments, OpArguments::Bind(call, {"ops", "probs"}));
  VITOK_ASSIGN_OR_RETURN(const ArgValue* const ops_value, arguments.Get("ops"));
  VITOK_ASSIGN_OR_RETURN(const ArgValue* const probs_value, arguments.Get("probs"));
  const std::vector<ArgValue>* const ops = ValuesOf(*ops_value);
  const std::vector<ArgValue>* const probs = ValuesOf(*probs_value);
  if (ops == nullptr || probs == nullptr) return absl::InvalidArgumentError("ops and probs must be lists");
  if (ops->empty() || ops->size() != probs->size()) {
    return absl::InvalidArgumentError(
        StrCat("ops and probs must be of one length, at least 1; were of ", ops->size(), " and ", probs->size()));
  }
  RandomChoiceOp random_choice;
  bool possible = false;
  for (size_t i = 0; i < ops->size(); ++i) {
    absl::StatusOr<TransformOp> op = BuildChoice((*ops)[i]);
    if (!op.ok()) return absl::InvalidArgumentError(StrCat("ops[", i, "]: ", op.status().message()));
    VITOK_ASSIGN_OR_RETURN(const double weight, ToNumber(StrCat("probs[", i, "]"), (*probs)[i], {0.0, kMaxWeight}));
    random_choice.choices.push_back({*std::move(op), weight});
    possible |= weight > 0.0;
  }
  if (!possible) return absl::InvalidArgumentError("one of probs must be above 0; all were 0");
  return random_choice;
}

absl::StatusOr<TransformOp> BuildNormalize(const OpCall& call) {
  VITOK_ASSIGN_OR_RETURN(const OpArguments arguments, OpArguments::Bind(call, {"mode"}));
  const ArgValue* const value = arguments.Find("mode");
  if (value == nullptr) return NormalizeOp{};
  constexpr std::string_view kModes = "minus_one_to_one, imagenet, zero_to_one";
  const auto* mode = std::get_if<std::string>(&value->value);
  if (mode == nullptr) return absl::InvalidArgumentError(StrCat("mode must be a name (", kModes, ")"));
  if (*mode == "minus_one_to_one") return NormalizeOp{NormalizeMode::kMinusOneToOne};
  if (*mode == "imagenet") return NormalizeOp{NormalizeMode::kImagenet};
  if (*mode == "zero_to_one") return NormalizeOp{NormalizeMode::kZeroToOne};
  return absl::InvalidArgumentError(StrCat("mode must be one of ", kModes, "; was '", *mode, "'"));
}

// patchify and resize_to_token_budget, whose parameters are alike; the latter has no defaults.
template <typename Op>
absl::StatusOr<TransformOp> BuildOfPatches(const OpCall& call) {
  Op op;
  VITOK_ASSIGN_OR_RETURN(const OpArguments arguments, OpArguments::Bind(call, {"patch", "max_tokens"}));
  VITOK_RETURN_IF_ERROR(arguments.ReadInteger("patch", kMaxPatchPx, op.patch_px));
  VITOK_RETURN_IF_ERROR(arguments.ReadInteger("max_tokens", kMaxTokens, op.max_tokens));
  return op;
}

template <typename Op>
absl::StatusOr<TransformOp> BuildWithoutArguments(const OpCall& call) {
  VITOK_RETURN_IF_ERROR(OpArguments::Bind(call, {}).status());
  return Op{};
}

using Builder = absl::StatusOr<TransformOp> (*)(const OpCall&);

const std::map<std::string_view, Builder>& Builders() {
  static const auto* builders = new std::map<std::string_view, Builder>{
      {"center_crop", BuildCenterCrop},
      {"flip", BuildFlip},
      {"identity", BuildWithoutArguments<IdentityOp>},
      {"normalize", BuildNormalize},
      {"patchify", BuildOfPatches<PatchifyOp>},
      {"random_choice", BuildRandomChoice},
      {"random_resized_crop", BuildRandomResizedCrop},
      {"resize_longest_side", BuildResizeLongestSide},
      {"resize_to_token_budget", BuildOfPatches<ResizeToTokenBudgetOp>},
      {"to_tensor", BuildWithoutArguments<ToTensorOp>},
  };
  return *builders;
}

// Errors do not say yet where in the pipeline the operation is.
absl::StatusOr<TransformOp> Build(const OpCall& call) {
  const auto builder = Builders().find(call.name);
  if (builder != Builders().end()) return builder->second(call);
  std::string known;
  for (const auto& [name, unused] : Builders()) known += StrCat(known.empty() ? "" : ", ", name);
  return absl::InvalidArgumentError(StrCat("unknown operation '", call.name, "' (known: ", known, ")"));
}

}  // namespace

absl::StatusOr<TransformOp> BuildTransform(const OpCall& call) {
  absl::StatusOr<TransformOp> op = Build(call);
  if (!op.ok()) return PartError(call, std::string(op.status().message()));
  return op;
}

}  // namespace vitok
