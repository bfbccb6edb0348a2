#include "core/image/gif_decoder.h"

#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

struct CloseGif {
  void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
};
using Gif = std::unique_ptr<GifFileType, CloseGif>;

// giflib asks for bytes with this; less than it asked for is an error to it.
int ReadBytes(GifFileType* gif, GifByteType* out, int size) {
  auto* unread = static_cast<std::string_view*>(gif->UserData);
  const size_t count = std::min(unread->size(), static_cast<size_t>(std::max(size, 0)));
  std::memcpy(out, unread->data(), count);
  unread->remove_prefix(count);
  return static_cast<int>(count);
}

absl::Status Damaged(std::string_view bytes, int error) {
  if (error == D_GIF_ERR_NOT_ENOUGH_MEM) return absl::ResourceExhaustedError("no memory for a gif decoder");
  const char* reason = GifErrorString(error);
  return absl::InvalidArgumentError(
      StrCat("gif data is cut off or damaged (", bytes.size(), " bytes): ", reason == nullptr ? "no picture" : reason));
}

// Reads an extension to its end. A graphic control extension (GIF89a, section 23) may set the transparent index.
bool ReadExtension(GifFileType* gif, std::optional<uint8_t>& transparent) {
  constexpr uint8_t kHasTransparentIndex = 0x01;
  constexpr int kControlBytes = 4;
  int label = 0;
  GifByteType* block = nullptr;  // its length, then its bytes
  if (DGifGetExtension(gif, &label, &block) == GIF_ERROR) return false;
  const bool is_control = label == GRAPHICS_EXT_FUNC_CODE && block != nullptr && block[0] >= kControlBytes;
  if (is_control && (block[1] & kHasTransparentIndex) != 0) transparent = block[4];
  while (block != nullptr) {
    if (DGifGetExtensionNext(gif, &block) == GIF_ERROR) return false;
  }
  return true;
}

// Goes to the pixels of the first picture, whose frame is in gif->Image then. False if there is none.
bool FindPicture(GifFileType* gif, std::optional<uint8_t>& transparent) {
  GifRecordType type = UNDEFINED_RECORD_TYPE;
  while (DGifGetRecordType(gif, &type) != GIF_ERROR) {
    if (type == IMAGE_DESC_RECORD_TYPE) return DGifGetImageDesc(gif) != GIF_ERROR;
    if (type != EXTENSION_RECORD_TYPE || !ReadExtension(gif, transparent)) return false;
  }
  return false;
}

// What Pillow takes for no colours at all: each index has its own grey.
bool IsGray(const ColorMapObject* map) {
  if (map == nullptr) return true;
  for (int i = 0; i < map->ColorCount; ++i) {
    const GifColorType& colour = map->Colors[i];
    if (colour.Red != i || colour.Green != i || colour.Blue != i) return false;
  }
  return true;
}

using Colour = std::array<uint8_t, 3>;
using ColourTable = std::array<Colour, 256>;

// What each index looks like. Indices beyond the table of colours are black.
ColourTable MakeColourTable(const GifFileType& gif, std::optional<uint8_t> transparent, AlphaRule alpha) {
  const ColorMapObject* const own = gif.Image.ColorMap;
  const bool is_gray = IsGray(own != nullptr ? own : gif.SColorMap);
  // A picture with a grey table of its own gets the colours of the screen nevertheless.
  const ColorMapObject* const map = own != nullptr && !is_gray ? own : gif.SColorMap;
  ColourTable table = {};
  if (IsGray(map)) {
    for (int i = 0; i < static_cast<int>(table.size()); ++i) table[i].fill(static_cast<uint8_t>(i));
  } else {
    for (int i = 0; i < map->ColorCount; ++i)
      table[i] = {map->Colors[i].Red, map->Colors[i].Green, map->Colors[i].Blue};
  }
  if (transparent.has_value() && !is_gray && alpha == AlphaRule::kOverWhite) table[*transparent].fill(255);
  return table;
}

void FillWith(const Colour& colour, RgbImage& image) {
  for (size_t i = 0; i < image.pixels_HWC.size(); i += colour.size()) {
    std::ranges::copy(colour, image.pixels_HWC.begin() + static_cast<int64_t>(i));
  }
}

// Reads one row of the picture into its place. REQUIRES: the frame lies within the image.
bool ReadRow(GifFileType* gif, int y, const ColourTable& colours, std::vector<uint8_t>& indices, RgbImage& image) {
  const GifImageDesc& frame = gif->Image;
  if (DGifGetLine(gif, indices.data(), frame.Width) == GIF_ERROR) return false;
  uint8_t* out = &image.pixels_HWC[size_t{3} * ((int64_t{frame.Top} + y) * image.width_px + frame.Left)];
  for (const uint8_t index : indices) out = std::ranges::copy(colours[index], out).out;
  return true;
}

bool ReadPixels(GifFileType* gif, const ColourTable& colours, RgbImage& image) {
  std::vector<uint8_t> indices(gif->Image.Width);
  struct Pass {
    int first, step;
  };
  constexpr Pass kPlain[] = {{0, 1}}, kInterlaced[] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};
  const auto read = [&](const Pass& pass) {
    for (int y = pass.first; y < gif->Image.Height; y += pass.step) {
      if (!ReadRow(gif, y, colours, indices, image)) return false;
    }
    return true;
  };
  return gif->Image.Interlace ? std::ranges::all_of(kInterlaced, read) : std::ranges::all_of(kPlain, read);
}

}  // namespace

absl::StatusOr<RgbImage> DecodeGif(std::string_view bytes, const ImageHeader& header, AlphaRule alpha) {
  std::string_view unread = bytes;
  int error = D_GIF_SUCCEEDED;
  const Gif gif(DGifOpen(&unread, &ReadBytes, &error));
  if (gif == nullptr) return Damaged(bytes, error);
  std::optional<uint8_t> transparent;
  if (!FindPicture(gif.get(), transparent)) return Damaged(bytes, gif->Error);
  const GifImageDesc& frame = gif->Image;
  const int width_px = std::max(gif->SWidth, frame.Left + frame.Width);
  const int height_px = std::max(gif->SHeight, frame.Top + frame.Height);
  if (width_px != header.width_px || height_px != header.height_px || frame.Width < 1 || frame.Height < 1) {
    return absl::InvalidArgumentError(StrCat("gif file states two sizes: ", header.width_px, " x ", header.height_px,
                                             " px and ", width_px, " x ", height_px, " px"));
  }
  RgbImage image(header.height_px, header.width_px);
  const ColourTable colours = MakeColourTable(*gif, transparent, alpha);
  FillWith(colours[transparent.value_or(0)], image);
  if (!ReadPixels(gif.get(), colours, image)) return Damaged(bytes, gif->Error);
  return image;
}

}  // namespace vitok
