// A small file of every kind of picture that is read. Free of torch.
#pragma once

#include <string>
#include <vector>

#include "core/image/codec.h"

namespace vitok {

struct PictureFile {
  std::string name;
  ImageFormat format = ImageFormat::kPng;
  std::string bytes;
};

// The files of the decoding goldens, and what is rarer: interlaced PNG, JPEG with restart markers and metadata, WebP
// with and without loss, alpha and metadata, BMP with a palette and in run lengths, TIFF by compression, depth and
// tiles, GIF with and without colours, in a part of its screen. All of them can be decoded. Throws if the goldens are
// missing.
const std::vector<PictureFile>& PictureFiles();

}  // namespace vitok
