// One case of pp/index.json, and the checks of its kinds.
#pragma once

#include <ATen/ATen.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "core/image/codec.h"
#include "core/image/rgb_image.h"
#include "core/tokens/packed_tokens.h"

namespace vitok::golden {

struct PpCase {
  std::filesystem::path folder;
  std::string kind;
  nlohmann::json description;

  // The case's tensors by name. Throws if they cannot be read, which fails the test.
  std::map<std::string, at::Tensor> Tensors() const;

  // The picture at a path relative to the folder, decoded by the codec. Throws if it cannot be.
  RgbImage Image(const std::string& path, AlphaRule alpha = AlphaRule::kOverWhite) const;
  RgbImage Image() const { return Image(description.at("image").get<std::string>()); }
};

using PpCheck = std::function<void(const PpCase&)>;
using PpChecks = std::map<std::string, PpCheck>;  // by kind

void AddLanguageChecks(PpChecks& checks);     // dsl_parse, dsl_error, dsl_pipeline
void AddImageChecks(PpChecks& checks);        // decode_rgb, pil_resample, center_crop, resize_longest_side...
void AddRandomChecks(PpChecks& checks);       // random_resized_crop, flip, random_choice, sample_tiles
void AddTensorChecks(PpChecks& checks);       // to_tensor, normalize, resize_to_token_budget, patchify, pipeline...
void AddPostprocessChecks(PpChecks& checks);  // unpatchify, unpack, postprocess
void AddSourceChecks(PpChecks& checks);       // py_shuffle, shard_urls, decode_label, tar_key, image_folder...

// Fails if an element differs by more than the case's tolerance: max_abs, mean_abs, or ulp units in the last place.
void ExpectWithinTolerance(const at::Tensor& got, const at::Tensor& expected, const nlohmann::json& tolerance);

// uint8 [H, W, 3] over the picture's own bytes.
at::Tensor PixelsOf(const RgbImage& image);

// The picture in a uint8 tensor [H, W, 3].
RgbImage ImageOf(const at::Tensor& pixels_HW3);

// Compares Preprocessor::Run of the case's pipeline on `image` with the padded patch dictionary `expected`; tensors
// with a batch axis are selected at `index`.
void ExpectPatchDictionary(const PpCase& pp_case, const RgbImage& image,
                           const std::map<std::string, at::Tensor>& expected, int64_t index);

}  // namespace vitok::golden
