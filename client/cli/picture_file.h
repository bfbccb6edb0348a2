// Pictures that the server sends, as files. They travel as exact 8-bit pixels and become files here, so that one
// picture gives one file whichever call it came from.
#pragma once

#include <CLI/CLI.hpp>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "client/tokenizer_types.h"
#include "core/image/codec.h"

namespace vitok {

struct PictureFileOptions {
  std::string format;  // "png", "jpeg", "jpg", "webp"; empty: by the output's suffix, in a folder PNG
  int quality = 95;    // JPEG and WebP
};

// Adds --format and --quality.
void AddPictureFileOptions(CLI::App& command, PictureFileOptions* options);

// Suffix of the files in an output folder, without the dot.
std::string PictureExtension(const PictureFileOptions& options);

// The format of a file to be written. INVALID_ARGUMENT: a suffix that stands for none of the formats.
absl::StatusOr<ImageFormat> PictureFormat(const PictureFileOptions& options, const std::string& path);

// The pixels of a reply that was asked for as PixelFormat::kUint8. INTERNAL: it is anything else.
absl::StatusOr<RgbImage> ToRgbImage(Picture picture);

// Both pictures in one, left and right; the lower one stands at the top over white.
RgbImage SideBySide(const RgbImage& left, const RgbImage& right);

}  // namespace vitok
