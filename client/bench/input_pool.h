// The requests of a run, made before its clock starts.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/bench/bench_method.h"
#include "client/bench/image_source.h"
#include "client/bench/prepared_request.h"
#include "client/bench/size_distribution.h"
#include "client/tokenizer_types.h"

namespace vitok {

// Where the latents of a decode run come from.
enum class LatentSource {
  kRandom,   // random numbers
  kEncoded,  // the images of the run, encoded by the server
};

struct InputPoolOptions {
  BenchMethod method = BenchMethod::kEncode;
  int requests = 64;                             // distinct ones; REQUIRES: positive
  int items = 1;                                 // images of a request; REQUIRES: positive
  uint64_t seed = 0;                             // the same options and seed give the same requests
  std::optional<SizeDistribution> sizes;         // of synthetic images; REQUIRES: set if there are no pictures
  std::vector<PictureBytes> pictures;            // in place of synthetic images, each as often as the others
  InputForm form = InputForm::kRaw;              // REQUIRES: not kFile for synthetic images
  LatentSource latents = LatentSource::kRandom;  // REQUIRES: kEncoded if there are pictures
  int64_t max_bytes = int64_t{2} << 30;          // of all messages together

  EncodeParams encode;  // of the requests, or of encoding the latents of a decode run
  DecodeParams decode;
  ReconstructParams reconstruct;
};

// Latents of images, from the server; for LatentSource::kEncoded only.
using EncodeFunction = std::function<absl::StatusOr<Latents>(ImageInput image)>;

// `model`: that of the requests, for random latents. INVALID_ARGUMENT: pictures that cannot be read (naming them);
// RESOURCE_EXHAUSTED: the requests need more memory than max_bytes. Errors of `encode`.
absl::StatusOr<std::vector<PreparedRequest>> MakeInputPool(const InputPoolOptions& options, const ModelInfo& model,
                                                           const EncodeFunction& encode);

}  // namespace vitok
