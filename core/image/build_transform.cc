#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/image/transforms.h"

namespace vitok {
namespace {

using Arguments = std::map<std::string_view, const ArgValue*>;

// Matches positional and keyword arguments to the parameters `names`.
absl::StatusOr<Arguments> BindArguments(const OpCall& call, std::initializer_list<std::string_view> names) {
  if (call.args.size() > names.size()) {
    return absl::InvalidArgumentError(
        StrCat(call.name, " takes at most ", names.size(), " arguments; was given ", call.args.size()));
  }
  Arguments bound;
  for (size_t i = 0; i < call.args.size(); ++i) bound[names.begin()[i]] = &call.args[i];
  for (const auto& [keyword, value] : call.keyword_args) {
    const auto* known = std::find(names.begin(), names.end(), keyword);
    if (known == names.end()) {
      return absl::InvalidArgumentError(StrCat(call.name, " has no argument '", keyword, "'"));
    }
    if (!bound.emplace(*known, &value).second) {
      return absl::InvalidArgumentError(StrCat("argument '", keyword, "' of ", call.name, " is given twice"));
    }
  }
  return bound;
}

// The integer argument `name` in [1, max]; `value` keeps its default if the argument is not given.
template <typename Integer>
absl::Status ReadInteger(const Arguments& arguments, std::string_view name, int64_t max, Integer& value) {
  const auto found = arguments.find(name);
  if (found == arguments.end()) {
    return value > 0 ? absl::OkStatus() : absl::InvalidArgumentError(StrCat("argument '", name, "' is missing"));
  }
  const auto* integer = std::get_if<int64_t>(&found->second->value);
  if (integer == nullptr) return absl::InvalidArgumentError(StrCat("argument '", name, "' must be an integer"));
  if (*integer < 1 || *integer > max) {
    return absl::InvalidArgumentError(StrCat(name, " must be in [1, ", max, "]; was ", *integer));
  }
  value = static_cast<Integer>(*integer);
  return absl::OkStatus();
}

absl::StatusOr<TransformOp> BuildCenterCrop(const OpCall& call) {
  CenterCropOp op;
  VITOK_ASSIGN_OR_RETURN(const Arguments arguments, BindArguments(call, {"size"}));
  VITOK_RETURN_IF_ERROR(ReadInteger(arguments, "size", kMaxSidePx, op.size_px));
  return op;
}

absl::StatusOr<TransformOp> BuildResizeLongestSide(const OpCall& call) {
  ResizeLongestSideOp op;
  VITOK_ASSIGN_OR_RETURN(const Arguments arguments, BindArguments(call, {"max_size"}));
  VITOK_RETURN_IF_ERROR(ReadInteger(arguments, "max_size", kMaxSidePx, op.max_size_px));
  return op;
}

absl::StatusOr<TransformOp> BuildNormalize(const OpCall& call) {
  VITOK_ASSIGN_OR_RETURN(const Arguments arguments, BindArguments(call, {"mode"}));
  const auto found = arguments.find("mode");
  if (found == arguments.end()) return NormalizeOp{};
  constexpr std::string_view kModes = "minus_one_to_one, imagenet, zero_to_one";
  const auto* mode = std::get_if<std::string>(&found->second->value);
  if (mode == nullptr) return absl::InvalidArgumentError(StrCat("mode must be a name (", kModes, ")"));
  if (*mode == "minus_one_to_one") return NormalizeOp{NormalizeMode::kMinusOneToOne};
  if (*mode == "imagenet") return NormalizeOp{NormalizeMode::kImagenet};
  if (*mode == "zero_to_one") return NormalizeOp{NormalizeMode::kZeroToOne};
  return absl::InvalidArgumentError(StrCat("mode must be one of ", kModes, "; was '", *mode, "'"));
}

absl::StatusOr<TransformOp> BuildPatchify(const OpCall& call) {
  PatchifyOp op;
  VITOK_ASSIGN_OR_RETURN(const Arguments arguments, BindArguments(call, {"patch", "max_tokens"}));
  VITOK_RETURN_IF_ERROR(ReadInteger(arguments, "patch", kMaxPatchPx, op.patch_px));
  VITOK_RETURN_IF_ERROR(ReadInteger(arguments, "max_tokens", kMaxTokens, op.max_tokens));
  return op;
}

template <typename Op>
absl::StatusOr<TransformOp> BuildWithoutArguments(const OpCall& call) {
  VITOK_RETURN_IF_ERROR(BindArguments(call, {}).status());
  return Op{};
}

using Builder = absl::StatusOr<TransformOp> (*)(const OpCall&);

const std::map<std::string_view, Builder>& Builders() {
  static const auto* builders = new std::map<std::string_view, Builder>{
      {"center_crop", BuildCenterCrop},
      {"identity", BuildWithoutArguments<IdentityOp>},
      {"normalize", BuildNormalize},
      {"patchify", BuildPatchify},
      {"resize_longest_side", BuildResizeLongestSide},
      {"to_tensor", BuildWithoutArguments<ToTensorOp>},
  };
  return *builders;
}

}  // namespace

absl::StatusOr<TransformOp> BuildTransform(const OpCall& call) {
  const auto builder = Builders().find(call.name);
  if (builder == Builders().end()) {
    std::string known;
    for (const auto& [name, unused] : Builders()) known += StrCat(known.empty() ? "" : ", ", name);
    return PartError(call, StrCat("unknown operation '", call.name, "' (known: ", known, ")"));
  }
  absl::StatusOr<TransformOp> op = builder->second(call);
  if (!op.ok()) return PartError(call, std::string(op.status().message()));
  return op;
}

}  // namespace vitok
