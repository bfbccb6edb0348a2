#include "core/image/png_decoder.h"

#include <png.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/base/str_cat.h"
#include "core/image/alpha_blend.h"

namespace vitok {
namespace {

// libpng reports by callbacks and leaves a failed call by longjmp: nothing with a destructor may live in the functions
// that call setjmp.
struct Decoder {
  png_structp png;
  png_infop info;
  std::string_view unread;
  png_uint_32 height_px;  // 0 unless rows are read
  size_t excess_bytes;    // that were read behind the last row
  std::jmp_buf on_error;
  std::array<char, 128> message;
};

[[noreturn]] void Fail(png_structp png, png_const_charp message) {
  auto* decoder = static_cast<Decoder*>(png_get_error_ptr(png));
  std::strncpy(decoder->message.data(), message, decoder->message.size() - 1);
  std::longjmp(decoder->on_error, 1);
}

void IgnoreWarning(png_structp, png_const_charp) {}

// Behind the last row libpng unpacks the picture data to their end, a thousand bytes for each, to throw them away.
void CheckExcess(png_structp png, Decoder& decoder, size_t size) {
  constexpr size_t kMaxExcessBytes = 1 << 16;
  constexpr int kInterlacingPasses = 7;
  const bool in_rows =
      png_get_current_row_number(png) < decoder.height_px && png_get_current_pass_number(png) < kInterlacingPasses;
  if (decoder.height_px == 0 || in_rows) return;
  decoder.excess_bytes += size;
  if (decoder.excess_bytes > kMaxExcessBytes) png_error(png, "there are more data than pixels");
}

void ReadBytes(png_structp png, png_bytep out, size_t size) {
  auto* decoder = static_cast<Decoder*>(png_get_io_ptr(png));
  CheckExcess(png, *decoder, size);
  if (size > decoder->unread.size()) png_error(png, "the file ends early");
  std::memcpy(out, decoder->unread.data(), size);
  decoder->unread.remove_prefix(size);
}

// What the rows hold after the transformations that ReadHeader asks for.
enum class RowFormat { kGray16, kRgb, kRgba };

// False, with decoder.message set, if libpng refuses the header.
bool ReadHeader(Decoder& decoder, RowFormat& format) {
  png_structp png = decoder.png;
  if (setjmp(decoder.on_error) != 0) return false;
  // The caller has checked the size against its own limit.
  png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  // -1: nothing but what the pixels need is kept. Compressed text chunks of a small file can fill gigabytes.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_read_info(png, decoder.info);
  const int color = png_get_color_type(png, decoder.info);
  const int bits = png_get_bit_depth(png, decoder.info);
  if (color == PNG_COLOR_TYPE_GRAY && bits == 16) {
    format = RowFormat::kGray16;
  } else {
    const bool palette = color == PNG_COLOR_TYPE_PALETTE;
    if (palette) png_set_palette_to_rgb(png);
    if (palette && png_get_valid(png, decoder.info, PNG_INFO_tRNS) != 0) png_set_tRNS_to_alpha(png);
    if (color == PNG_COLOR_TYPE_GRAY && bits < 8) png_set_expand_gray_1_2_4_to_8(png);
    if (bits == 16) png_set_strip_16(png);
    png_set_gray_to_rgb(png);
    format = RowFormat::kRgb;
  }
  png_set_interlace_handling(png);
  png_read_update_info(png, decoder.info);
  if (png_get_channels(png, decoder.info) == 4) format = RowFormat::kRgba;
  return true;
}

bool ReadPicture(Decoder& decoder, png_bytepp rows) {
  if (setjmp(decoder.on_error) != 0) return false;
  decoder.height_px = png_get_image_height(decoder.png, decoder.info);
  png_read_image(decoder.png, rows);
  decoder.height_px = 0;  // what follows are other chunks
  png_read_end(decoder.png, nullptr);
  return true;
}

// Big-endian samples to three equal 8-bit ones; Pillow clips 16-bit grey instead of scaling it.
void Gray16ToRgb(const uint8_t* gray16, int64_t num_pixels, uint8_t* rgb) {
  for (int64_t i = 0; i < num_pixels; ++i, gray16 += 2, rgb += 3) {
    const uint8_t value = gray16[0] != 0 ? 255 : gray16[1];
    std::fill_n(rgb, 3, value);
  }
}

absl::StatusOr<RgbImage> Decode(Decoder& decoder, std::string_view bytes, const ImageHeader& header, AlphaRule alpha) {
  const auto damaged = [&] {
    return absl::InvalidArgumentError(
        StrCat("png data is cut off or damaged (", bytes.size(), " bytes): ", decoder.message.data()));
  };
  RowFormat format = RowFormat::kRgb;
  if (!ReadHeader(decoder, format)) return damaged();

  RgbImage image(header.height_px, header.width_px);
  std::vector<uint8_t> raw;  // rows that are not RGB yet
  const size_t row_bytes = png_get_rowbytes(decoder.png, decoder.info);
  if (format != RowFormat::kRgb) raw.resize(row_bytes * header.height_px);
  std::vector<png_bytep> rows(header.height_px);
  uint8_t* first = format == RowFormat::kRgb ? image.pixels_HWC.data() : raw.data();
  for (size_t y = 0; y < rows.size(); ++y) rows[y] = first + y * row_bytes;
  if (!ReadPicture(decoder, rows.data())) return damaged();

  const int64_t num_pixels = int64_t{header.height_px} * header.width_px;
  if (format == RowFormat::kRgba) RemoveAlpha(alpha, raw.data(), num_pixels, image.pixels_HWC.data());
  if (format == RowFormat::kGray16) Gray16ToRgb(raw.data(), num_pixels, image.pixels_HWC.data());
  return image;
}

}  // namespace

absl::StatusOr<RgbImage> DecodePng(std::string_view bytes, const ImageHeader& header, AlphaRule alpha) {
  Decoder decoder = {};
  decoder.unread = bytes;
  decoder.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &decoder, Fail, IgnoreWarning);
  if (decoder.png != nullptr) decoder.info = png_create_info_struct(decoder.png);
  if (decoder.info == nullptr) {
    png_destroy_read_struct(&decoder.png, nullptr, nullptr);
    return absl::ResourceExhaustedError("no memory for a png decoder");
  }
  png_set_read_fn(decoder.png, &decoder, ReadBytes);
  absl::StatusOr<RgbImage> image = Decode(decoder, bytes, header, alpha);
  png_destroy_read_struct(&decoder.png, &decoder.info, nullptr);
  return image;
}

}  // namespace vitok
