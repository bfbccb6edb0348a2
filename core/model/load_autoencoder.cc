#include "core/model/load_autoencoder.h"

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/base/tensor_check.h"
#include "core/model/autoencoder.h"
#include "core/model/autoencoder_config.h"
#include "core/model/autoencoder_tokenizer.h"
#include "core/model/device.h"
#include "core/model/graph_shape.h"
#include "core/model/infer_config.h"
#include "core/weights/model_files.h"
#include "core/weights/safetensors.h"
#include "core/weights/weight_map.h"

namespace vitok {
namespace {

using Files = std::vector<std::unique_ptr<SafetensorsFile>>;

// The files that hold the wanted halves. A merged one may hold more than is wanted.
absl::StatusOr<Files> OpenFiles(const LoadOptions& options) {
  using Halves = LoadOptions::Halves;
  const WantedHalves wanted = {.encoder = options.halves != Halves::kDecoder,
                               .decoder = options.halves != Halves::kEncoder};
  VITOK_ASSIGN_OR_RETURN(const std::vector<std::string> paths, FindModelFiles(options.folder, wanted));
  Files files;
  for (const std::string& path : paths) {
    VITOK_ASSIGN_OR_RETURN(files.emplace_back(), SafetensorsFile::Open(path));
  }
  return files;
}

bool IsEncoderWeight(const std::string& name) {
  return name.starts_with("patch_embed.") || name.starts_with("to_code.") || name.starts_with("encoder_blocks.");
}

bool IsDecoderWeight(const std::string& name) {
  return name.starts_with("decoder_embed.") || name.starts_with("to_pixels.") || name.starts_with("decoder_blocks.");
}

// Leaves out the half of a merged file that is not wanted.
void KeepHalves(LoadOptions::Halves halves, ShapeMap& shapes) {
  std::erase_if(shapes, [halves](const auto& entry) {
    return (halves == LoadOptions::Halves::kEncoder && IsDecoderWeight(entry.first)) ||
           (halves == LoadOptions::Halves::kDecoder && IsEncoderWeight(entry.first));
  });
}

absl::Status CheckHalves(const LoadOptions& options, const ShapeMap& shapes) {
  using Halves = LoadOptions::Halves;
  const bool encoder = shapes.contains("patch_embed.weight");
  const bool decoder = shapes.contains("to_pixels.weight");
  const bool needs_encoder = options.halves == Halves::kBoth || options.halves == Halves::kEncoder;
  const bool needs_decoder = options.halves == Halves::kBoth || options.halves == Halves::kDecoder;
  if (needs_encoder && !encoder) {
    return absl::NotFoundError(StrCat("model folder '", options.folder, "' holds no encoder (patch_embed.weight)"));
  }
  if (needs_decoder && !decoder) {
    return absl::NotFoundError(StrCat("model folder '", options.folder, "' holds no decoder (to_pixels.weight)"));
  }
  return absl::OkStatus();
}

absl::StatusOr<AutoencoderConfig> ConfigFor(const LoadOptions& options, const ShapeMap& shapes) {
  AutoencoderConfig config;
  if (options.variant.empty()) {
    VITOK_ASSIGN_OR_RETURN(config, InferConfig(shapes));
  } else {
    VITOK_ASSIGN_OR_RETURN(config, AutoencoderConfig::FromVariant(options.variant));
  }
  if (options.sliding_window.value_or(0) > 0) config.sliding_window = options.sliding_window;
  if (options.attend_padding_to.value_or(0) > 0) config.attend_padding_to = options.attend_padding_to;
  return config;
}

// A folder's files, and what their headers say of the wanted halves.
struct OpenModel {
  at::Device device;
  Files files;
  std::vector<const SafetensorsFile*> views;  // of files
  ShapeMap shapes;
  AutoencoderConfig config;
};

absl::StatusOr<OpenModel> Open(const LoadOptions& options) {
  VITOK_ASSIGN_OR_RETURN(const at::Device device, ParseDevice(options.device));
  if (const absl::Status status = CheckPrecision(options.precision, device); !status.ok()) {
    return absl::Status(status.code(), StrCat("model folder '", options.folder, "': ", status.message()));
  }
  OpenModel model{.device = device};
  VITOK_ASSIGN_OR_RETURN(model.files, OpenFiles(options));
  for (const auto& file : model.files) model.views.push_back(file.get());
  VITOK_ASSIGN_OR_RETURN(model.shapes, ReadShapes(model.views));
  KeepHalves(options.halves, model.shapes);
  VITOK_RETURN_IF_ERROR(CheckHalves(options, model.shapes));
  VITOK_ASSIGN_OR_RETURN(model.config, ConfigFor(options, model.shapes));
  return model;
}

// Values a token has in memory while a tower runs: patches on their way in and out, the residual stream with what a
// block computes from it, the hidden layer of its MLP before and after the gate.
int64_t LiveValues(const AutoencoderConfig& config, const TowerConfig& tower) {
  return 3 * config.patch_values() + 6 * tower.width + 3 * tower.mlp_hidden;
}

// Device memory of captured graphs (core/model/tower_graphs.h), if one of every shape is captured: their scratch, once
// in their pool and once for the passes before the captures, and the graphs with their plans of attention.
int64_t GraphBytes(const LoadOptions& options, at::Device device, int64_t token_bytes) {
  constexpr int64_t kOneGraphBytes = 700'000;  // measured at 24 blocks: docs/PERFORMANCE.md
  if (!device.is_cuda() || options.precision == Precision::kFloat32) return 0;
  return 2 * (kMaxGraphTokens * token_bytes + kMaxGraphShapes * kOneGraphBytes);
}

// Device memory of two batches under way besides what one computes with: their blocks (BatchStaging), which
// DeviceTransfer rounds up to a power of two, and results on their way to the host.
int64_t TransferBytes(const AutoencoderConfig& config, at::Device device, int64_t batch_tokens, int64_t value_bytes) {
  if (!device.is_cuda()) return 0;
  constexpr int64_t kPositionBytes = 2 * sizeof(int32_t);
  const int64_t input_bytes =
      batch_tokens * (std::max(config.patch_values(), config.latent_channels) * value_bytes + kPositionBytes);
  const int64_t result_bytes = batch_tokens * config.patch_values() * (value_bytes + 1);
  return 2 * static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(input_bytes))) + result_bytes;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> LoadAutoencoder(const LoadOptions& options) {
  VITOK_ASSIGN_OR_RETURN(const OpenModel open, Open(options));
  VITOK_ASSIGN_OR_RETURN(WeightMap weights, LoadWeights(open.views, ToScalarType(StorageDType(options.precision))));
  std::erase_if(weights, [&](const auto& entry) { return !open.shapes.contains(entry.first); });
  VITOK_ASSIGN_OR_RETURN(Autoencoder model, Autoencoder::Create(open.config, weights, options.precision, open.device));
  return std::make_unique<AutoencoderTokenizer>(std::move(model));
}

absl::StatusOr<AutoencoderMemory> EstimateAutoencoderMemory(const LoadOptions& options, int64_t batch_tokens) {
  VITOK_ASSIGN_OR_RETURN(const OpenModel open, Open(options));
  int64_t parameters = 0;
  for (const auto& [name, shape] : open.shapes) {
    int64_t values = 1;
    for (const int64_t side : shape) values *= side;
    parameters += values;
  }
  // The CPU computes in float32, whatever the model's dtype; while it loads, the weights are there in both.
  const bool is_cpu = open.device.is_cpu();
  const int64_t stored_bytes = SizeInBytes(StorageDType(options.precision));
  const int64_t value_bytes = is_cpu ? SizeInBytes(DType::kFloat32) : stored_bytes;
  const int64_t loading_bytes = is_cpu ? parameters * stored_bytes : 0;
  const int64_t live_values =
      std::max(LiveValues(open.config, open.config.encoder), LiveValues(open.config, open.config.decoder));
  const int64_t token_bytes = live_values * value_bytes;
  return AutoencoderMemory{.weight_bytes = parameters * value_bytes,
                           .activation_bytes = std::max(loading_bytes, batch_tokens * token_bytes) +
                                               TransferBytes(open.config, open.device, batch_tokens, value_bytes) +
                                               GraphBytes(options, open.device, token_bytes)};
}

}  // namespace vitok
