// Picture files made by hand, for tests of the codec. Free of torch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/image/codec.h"
#include "core/image/rgb_image.h"

namespace vitok {

// The bytes of photos/<name>. Throws if there is no such file.
std::string ReadPhoto(const std::string& name);

// A picture in which every pixel differs from its neighbours and no symmetry hides a wrong turn.
RgbImage MakePattern(int32_t height_px, int32_t width_px);

// EncodeImage, or a throw.
std::string Encode(const RgbImage& image, const EncodeOptions& options);

// The memory that DecodeImage may take besides the file (codec.h).
int64_t MaxDecodeBytes(const DecodeLimits& limits);

// Integers as file bytes.
std::string LittleEndian(uint64_t value, int num_bytes);
std::string BigEndian(uint64_t value, int num_bytes);

// One TIFF directory entry of one value, little endian.
std::string TiffEntry(uint16_t tag, uint16_t type, uint32_t value);

// The checksum of a PNG chunk's type and data (PNG specification, annex D).
uint32_t PngChecksum(std::string_view bytes);

// Uncompressed 24-bit files, which EncodeImage does not write.
std::string MakeBmp(const RgbImage& image);
std::string MakeTiff(const RgbImage& image);

// Just the headers of a picture of that size, with nothing after them.
std::string HeaderOnly(ImageFormat format, uint32_t height_px, uint32_t width_px);

// An EXIF block (a TIFF structure) that says `orientation`.
std::string ExifBlock(int orientation);

// `file` with a metadata block added. `payload` without the format's own framing.
std::string WithJpegSegment(const std::string& file, uint8_t marker, const std::string& payload);
std::string WithPngChunk(const std::string& file, const std::string& type, const std::string& payload);
// `file` must be a lossless WebP without extended header, of a size given by the picture.
std::string WithWebpChunk(const std::string& file, const RgbImage& image, const std::string& type,
                          const std::string& payload);

}  // namespace vitok
