#include "tests/golden/ae_case.h"

#include <algorithm>

#include "core/base/status_macros.h"
#include "core/tokens/pack.h"
#include "core/weights/safetensors.h"
#include "core/weights/weight_map.h"
#include "tests/support/golden_file.h"

namespace vitok::golden {
namespace {

PackOptions OptionsFor(const Autoencoder& model) {
  return {.dtype = model.dtype(), .device = model.device(), .pad_to_tokens = model.config().attend_padding_to};
}

ImageGeometry GeometryOf(const at::Tensor& row_N, const at::Tensor& col_N) {
  return {0, 0, row_N.max().item<int32_t>() + 1, col_N.max().item<int32_t>() + 1};
}

}  // namespace

at::Tensor AeCase::Rows(const std::string& name, int64_t i, bool with_padding) const {
  const at::Tensor item = tensors.at(name)[i];
  return with_padding ? item : item.index_select(0, token_index[i]);
}

nlohmann::json ModelGoldens::Json(const nlohmann::json& entry) const {
  return ReadJson(folder / entry.at("json").get<std::string>());
}

Tensors ModelGoldens::ReadTensors(const nlohmann::json& entry) const {
  return ToDevice(vitok::ReadTensors(folder / entry.at("tensors").get<std::string>()), device);
}

Tensors ToDevice(Tensors tensors, at::Device device) {
  for (auto& [name, tensor] : tensors) tensor = tensor.to(device);
  return tensors;
}

AeCase ReadAeCase(const ModelGoldens& goldens, const nlohmann::json& entry) {
  AeCase ae_case;
  ae_case.json = goldens.Json(entry);
  ae_case.tensors = ReadTensors(goldens.folder / entry.at("tensors").get<std::string>());
  ae_case.attend_padding = ae_case.json.at("attention").at("padding") == "attend_padding";
  const at::Tensor mask_BN = ae_case.tensors.at("patch_mask");
  ae_case.max_tokens = mask_BN.size(1);
  for (int64_t i = 0; i < mask_BN.size(0); ++i) ae_case.token_index.push_back(mask_BN[i].nonzero().flatten());
  return ae_case;
}

absl::StatusOr<Autoencoder> LoadModel(const ModelGoldens& goldens, const nlohmann::json& case_json,
                                      at::ScalarType dtype) {
  VITOK_ASSIGN_OR_RETURN(AutoencoderConfig config,
                         AutoencoderConfig::FromVariant(case_json.at("variant").get<std::string>()));
  const nlohmann::json& window = case_json.at("attention").at("sliding_window");
  if (!window.is_null() && window.get<int64_t>() > 0) config.sliding_window = window.get<int64_t>();
  if (case_json.at("attention").at("padding") == "attend_padding") {
    config.attend_padding_to = case_json.at("max_tokens").get<int64_t>();
  }
  const std::filesystem::path model = goldens.folder / case_json.at("model").get<std::string>();
  VITOK_ASSIGN_OR_RETURN(const auto encoder, SafetensorsFile::Open((model / "encoder.safetensors").string()));
  VITOK_ASSIGN_OR_RETURN(const auto decoder, SafetensorsFile::Open((model / "decoder.safetensors").string()));
  VITOK_ASSIGN_OR_RETURN(const WeightMap weights, LoadWeights({encoder.get(), decoder.get()}, dtype));
  const Precision precision = dtype == at::kFloat ? Precision::kFloat32 : Precision::kBfloat16;
  return Autoencoder::Create(config, weights, precision, goldens.device);
}

PackedPatches PackCasePatches(const AeCase& ae_case, const Autoencoder& model) {
  std::vector<PatchSequence> images;
  for (int64_t i = 0; i < ae_case.num_items(); ++i) {
    const at::Tensor row_N = ae_case.Rows("row_idx", i, false);
    const at::Tensor col_N = ae_case.Rows("col_idx", i, false);
    images.push_back({ae_case.Rows("patches", i, false), row_N, col_N, GeometryOf(row_N, col_N)});
  }
  return PackPatches(images, OptionsFor(model));
}

PackedLatents PackCaseLatents(const AeCase& ae_case, const Autoencoder& model) {
  const bool with_padding = ae_case.attend_padding;
  std::vector<LatentSequence> latents;
  for (int64_t i = 0; i < ae_case.num_items(); ++i) {
    const at::Tensor row_N = ae_case.Rows("row_idx", i, with_padding);
    const at::Tensor col_N = ae_case.Rows("col_idx", i, with_padding);
    latents.push_back({ae_case.Rows("z", i, with_padding), row_N, col_N, GeometryOf(row_N, col_N)});
  }
  return PackLatents(latents, OptionsFor(model));
}

at::Tensor ItemRows(const at::Tensor& packed_TX, const TokenLayout& layout, int64_t i) {
  return packed_TX.narrow(0, layout.offsets[i], layout.offsets[i + 1] - layout.offsets[i]);
}

at::Tensor PictureRows(const AeCase& ae_case, const at::Tensor& packed_TX, const TokenLayout& layout, int64_t i) {
  return packed_TX.narrow(0, layout.offsets[i], ae_case.token_index[i].numel());
}

}  // namespace vitok::golden
