// A model that is ready to serve.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "core/image/preprocessor.h"
#include "core/model/load_autoencoder.h"
#include "core/model/tokenizer.h"
#include "server/lifecycle/memory_ledger.h"
#include "server/model_key.h"
#include "server/server_config.h"

namespace vitok {

class DeviceWorker;

// How a model folder becomes a Tokenizer; LoadAutoencoder in the program, a fake in tests.
using TokenizerLoader = std::function<absl::StatusOr<std::unique_ptr<Tokenizer>>(const LoadOptions&)>;

// Constant after loading, but for calls of `tokenizer`, which are its worker's alone.
struct LoadedModel {
  explicit LoadedModel(Preprocessor parsed) : preprocessor(std::move(parsed)) {}
  LoadedModel(const LoadedModel&) = delete;
  LoadedModel& operator=(const LoadedModel&) = delete;
  ~LoadedModel();

  std::function<void(uint64_t id)> on_gone;  // called last on destruction, when its memory is free; may be empty
  MemoryLedger::Reservation memory;          // of the tokenizer
  ModelKey key;
  uint64_t id = 0;  // of this model in this process; never used again
  std::unique_ptr<Tokenizer> tokenizer;
  std::string preprocess;  // the default pipeline, as text and parsed
  Preprocessor preprocessor;
  int64_t attend_padding_to = 0;   // tokens; 0: no padding is computed
  DeviceWorker* worker = nullptr;  // not owned; the worker of the model's device, which outlives the model

  const TokenizerInfo& info() const { return tokenizer->info(); }
  int64_t weight_bytes() const;  // on its device
};

// Loads and checks; `worker`, `memory` and `on_gone` stay unset. Errors are the loader's, or INVALID_ARGUMENT for a
// model that is not for images (temporal patches) or a default pipeline that does not fit it.
absl::StatusOr<std::shared_ptr<LoadedModel>> LoadModel(const ModelOptions& options, const RequestLimits& limits,
                                                       const TokenizerLoader& load);

// Parses a pipeline for `model`. INVALID_ARGUMENT: does not parse, does not end in patchify with the model's patch
// side, is random, or enlarges pictures beyond max_pixels.
absl::StatusOr<Preprocessor> ParsePipeline(std::string_view pipeline, const TokenizerInfo& model, int64_t max_pixels);

}  // namespace vitok
