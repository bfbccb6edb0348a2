// An autoencoder case of the goldens: its inputs as packed batches and its model.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/model/autoencoder.h"
#include "core/tokens/packed_tokens.h"

namespace vitok::golden {

using Tensors = std::map<std::string, at::Tensor>;

// A folder of model goldens, and where its cases run.
struct ModelGoldens {
  std::filesystem::path folder;
  at::Device device = at::kCPU;

  nlohmann::json Json(const nlohmann::json& entry) const;
  // What the entry names "tensors", on the device.
  Tensors ReadTensors(const nlohmann::json& entry) const;
};

Tensors ToDevice(Tensors tensors, at::Device device);

// One case of kind ae, ae_quirk or ae_trace (for bf16 runs: the base case).
//
// Items of a batch are packed without their padding tokens, in token order; where padding tokens attend
// ("attend_padding"), only the picture's tokens are packed too and the model's own padding must bring the others back.
struct AeCase {
  nlohmann::json json;
  Tensors tensors;
  bool attend_padding = false;
  std::vector<at::Tensor> token_index;  // per item: indices of the packed tokens, int64
  int64_t max_tokens = 0;               // tokens of each padded item

  int64_t num_items() const { return static_cast<int64_t>(token_index.size()); }

  // The rows of a padded golden tensor [B, N, ...] that item `i` packs; with padding tokens too if `with_padding`.
  at::Tensor Rows(const std::string& name, int64_t i, bool with_padding) const;
};

// Tensors in host memory, as a client sends them.
AeCase ReadAeCase(const ModelGoldens& goldens, const nlohmann::json& entry);

// The case's model, from the folder it names, on the goldens' device.
absl::StatusOr<Autoencoder> LoadModel(const ModelGoldens& goldens, const nlohmann::json& case_json,
                                      at::ScalarType dtype);

PackedPatches PackCasePatches(const AeCase& ae_case, const Autoencoder& model);
// Latents of the case's golden z, padding tokens included where they attend.
PackedLatents PackCaseLatents(const AeCase& ae_case, const Autoencoder& model);

// Rows of a packed result [T, X] that belong to the picture's tokens of item `i`.
at::Tensor PictureRows(const AeCase& ae_case, const at::Tensor& packed_TX, const TokenLayout& layout, int64_t i);
// All rows of item `i`.
at::Tensor ItemRows(const at::Tensor& packed_TX, const TokenLayout& layout, int64_t i);

}  // namespace vitok::golden
