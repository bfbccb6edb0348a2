// The images of a run, before they become requests.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/bench/random.h"
#include "client/bench/size_distribution.h"
#include "client/tokenizer_types.h"

namespace vitok {

// How images travel to the server.
enum class InputForm { kRaw, kJpeg, kPng, kFile };  // 8-bit pixels; files made here; the picture's own file

struct SourceImage {
  ImageInput input;
  ImageSize size;
};

struct PictureBytes {
  std::string name;
  std::string bytes;
};

// Pixels in the form asked for. INVALID_ARGUMENT: sides over what a JPEG file can have. REQUIRES: not kFile.
absl::StatusOr<ImageInput> ToInput(RgbImage image, InputForm form);

// A picture file in the form asked for. INVALID_ARGUMENT, naming the picture: no picture, or a damaged one.
absl::StatusOr<SourceImage> ToSourceImage(const PictureBytes& picture, InputForm form);

}  // namespace vitok
