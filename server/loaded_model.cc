#include "server/loaded_model.h"

#include <atomic>
#include <utility>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

constexpr size_t kMaxPipelineBytes = 1024;

uint64_t NextModelId() {
  static std::atomic<uint64_t> models{0};
  return ++models;
}

}  // namespace

LoadedModel::~LoadedModel() {
  tokenizer.reset();
  memory = MemoryLedger::Reservation();
  if (on_gone) on_gone(id);
}

int64_t LoadedModel::weight_bytes() const {
  const int64_t parameters = info().encoder_parameters + info().decoder_parameters;
  // The CPU computes in float32, whatever the model's dtype.
  return parameters * SizeInBytes(info().device == "cpu" ? DType::kFloat32 : info().dtype);
}

absl::StatusOr<Preprocessor> ParsePipeline(std::string_view pipeline, const TokenizerInfo& model, int64_t max_pixels) {
  if (pipeline.size() > kMaxPipelineBytes) {
    return absl::InvalidArgumentError(
        StrCat("pipeline must have at most ", kMaxPipelineBytes, " bytes; has ", pipeline.size()));
  }
  VITOK_ASSIGN_OR_RETURN(Preprocessor preprocessor, Preprocessor::Parse(pipeline));
  if (preprocessor.is_random()) {
    return absl::InvalidArgumentError(
        StrCat("pipeline '", pipeline, "' must not be random (random_resized_crop, flip, random_choice): a service ",
               "gives the same answer to the same request"));
  }
  for (const TransformOp& op : preprocessor.ops()) {
    const auto* crop = std::get_if<CenterCropOp>(&op);
    if (crop != nullptr && int64_t{crop->size_px} * crop->size_px > max_pixels) {
      return absl::InvalidArgumentError(StrCat("center_crop(", crop->size_px, ") makes an image of ",
                                               int64_t{crop->size_px} * crop->size_px, " pixels; max_image_pixels is ",
                                               max_pixels));
    }
  }
  if (preprocessor.patch_px() == model.patch_px) return preprocessor;
  return absl::InvalidArgumentError(StrCat("pipeline '", pipeline, "' must end in patchify(", model.patch_px,
                                           ", MAX_TOKENS), the patch side of the model; its patch side is ",
                                           preprocessor.patch_px(), " (0: no patchify)"));
}

absl::StatusOr<std::shared_ptr<LoadedModel>> LoadModel(const ModelOptions& options, const RequestLimits& limits,
                                                       const TokenizerLoader& load) {
  VITOK_ASSIGN_OR_RETURN(std::unique_ptr<Tokenizer> tokenizer, load(options.load));
  const TokenizerInfo& info = tokenizer->info();
  const int64_t image_patch_values = 3 * info.patch_px * info.patch_px;
  if (info.patch_values != image_patch_values) {
    return absl::InvalidArgumentError(StrCat("variant ", info.variant, " takes patches of ", info.patch_values,
                                             " values; image patches of side ", info.patch_px, " have ",
                                             image_patch_values));
  }
  const std::string pipeline = options.preprocess.empty() ? StrCat("to_tensor|normalize(minus_one_to_one)|patchify(",
                                                                   info.patch_px, ", ", limits.max_image_tokens, ")")
                                                          : options.preprocess;
  VITOK_ASSIGN_OR_RETURN(Preprocessor preprocessor, ParsePipeline(pipeline, info, limits.max_image_pixels));
  auto model = std::make_shared<LoadedModel>(std::move(preprocessor));
  model->key = options.key();
  model->id = NextModelId();
  model->tokenizer = std::move(tokenizer);
  model->preprocess = pipeline;
  model->attend_padding_to = options.load.attend_padding_to.value_or(0);
  return model;
}

}  // namespace vitok
