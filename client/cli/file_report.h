// What a user learns about one file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "client/tokenizer_types.h"
#include "nlohmann/json.hpp"

namespace vitok {

struct FileReport {
  std::string file;
  std::string output;
  std::string model;
  int32_t width_px = 0;  // of the picture (encode: the picture that the latents stand for)
  int32_t height_px = 0;
  int64_t tokens = 0;
  std::optional<int64_t> channels;      // encode: latent channels
  std::optional<int64_t> latent_bytes;  // encode
  std::optional<double> psnr_db;        // reconstruct, if the sizes are equal; infinite for identical pictures
  Timings timings;
};

// One object: file, output, model, width, height, tokens, psnr_db, timings_ms {preprocess, queue, host_to_device,
// compute, device_to_host, postprocess, total, round_trip}; encode adds channels and latent_bytes. psnr_db is null
// where there is none; for identical pictures, whose PSNR no JSON number can say, it is null beside "identical": true.
nlohmann::ordered_json ToJson(const FileReport& report);

// {"file", "output", "error": {"code", "message"}}. REQUIRES: !status.ok().
nlohmann::ordered_json ErrorToJson(const std::string& file, const std::string& output, const absl::Status& status);

// The object as one line; bytes of file names that are no UTF-8 become U+FFFD.
std::string OneLine(const nlohmann::ordered_json& object);

}  // namespace vitok
