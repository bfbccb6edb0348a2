#include "core/image/jpeg_decoder.h"

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <vector>

// jpeglib.h needs FILE from <cstdio>.
#include <jpeglib.h>

#include <jerror.h>

#include "core/base/str_cat.h"

namespace vitok {
namespace {

// libjpeg reports by callbacks and leaves a failed call by longjmp: nothing with a destructor may live in the functions
// that call setjmp.
struct Decoder {
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;
  jpeg_source_mgr source;
  jpeg_progress_mgr progress;
  std::jmp_buf on_error;
  std::array<char, JMSG_LENGTH_MAX> message;
  int last_scan;         // that CheckScans has seen
  int64_t coefficients;  // of all scans so far
};

[[noreturn]] void Fail(j_common_ptr info) {
  auto* decoder = static_cast<Decoder*>(info->client_data);
  info->err->format_message(info, decoder->message.data());
  std::longjmp(decoder->on_error, 1);
}

// Warnings that mean lost picture data are errors here; others (extra bytes between segments) are common and harmless.
void OnWarning(j_common_ptr info, int level) {
  if (level >= 0) return;
  switch (info->err->msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
    case JWRN_JPEG_EOF: Fail(info);
    default: break;
  }
}

void IgnoreMessage(j_common_ptr) {}
void IgnoreSource(j_decompress_ptr) {}

// All bytes are there from the start: a call for more means that the file ends before its end marker.
boolean OnSourceExhausted(j_decompress_ptr info) {
  ERREXIT(info, JERR_INPUT_EOF);
  return FALSE;
}

void SkipInput(j_decompress_ptr info, long num_bytes) {  // NOLINT(google-runtime-int): libjpeg's signature
  if (num_bytes <= 0) return;
  if (static_cast<size_t>(num_bytes) > info->src->bytes_in_buffer) OnSourceExhausted(info);
  info->src->next_input_byte += num_bytes;
  info->src->bytes_in_buffer -= num_bytes;
}

int64_t CoefficientsOfPicture(const jpeg_decompress_struct& info) {
  int64_t blocks = 0;
  for (int i = 0; i < info.num_components; ++i) {
    blocks += int64_t{info.comp_info[i].width_in_blocks} * info.comp_info[i].height_in_blocks;
  }
  return blocks * DCTSIZE2;
}

int64_t CoefficientsOfScan(const jpeg_decompress_struct& info) {
  const int64_t blocks = int64_t{info.MCUs_per_row} * info.MCU_rows_in_scan * info.blocks_in_MCU;
  return blocks * (info.progressive_mode != FALSE ? info.Se - info.Ss + 1 : DCTSIZE2);
}

// A small file can hold thousands of progressive scans, each of which costs a pass over the whole picture; libjpeg does
// not mind if they bring the same coefficients again and again. Called for each scan before its data are read.
void CheckScans(j_common_ptr common) {
  constexpr int kMaxScans = 100;
  constexpr int kMaxBits = 14;  // of a coefficient, each of which is brought by one scan
  auto* decoder = static_cast<Decoder*>(common->client_data);
  const jpeg_decompress_struct& info = decoder->info;
  if (info.input_scan_number == decoder->last_scan) return;
  decoder->last_scan = info.input_scan_number;
  decoder->coefficients += CoefficientsOfScan(info);
  if (info.input_scan_number > kMaxScans || decoder->coefficients > kMaxBits * CoefficientsOfPicture(info)) {
    ERREXIT(common, JERR_BAD_PROGRESSION);
  }
}

// One row of CMYK as Adobe programs store it (inverted) to RGB, as Pillow does.
void CmykToRgb(const uint8_t* cmyk, int width_px, uint8_t* rgb) {
  for (int x = 0; x < width_px; ++x, cmyk += 4, rgb += 3) {
    const int white = cmyk[3];
    for (int channel = 0; channel < 3; ++channel) {
      const int product = (255 - cmyk[channel]) * white + 128;
      rgb[channel] = static_cast<uint8_t>(std::max(0, white - (((product >> 8) + product) >> 8)));
    }
  }
}

void ReadRows(jpeg_decompress_struct& info, uint8_t* cmyk_row, uint8_t* pixels) {
  const size_t row_bytes = size_t{info.output_width} * 3;
  while (info.output_scanline < info.output_height) {
    if (cmyk_row != nullptr) {
      uint8_t* out = pixels + info.output_scanline * row_bytes;
      jpeg_read_scanlines(&info, &cmyk_row, 1);
      CmykToRgb(cmyk_row, static_cast<int>(info.output_width), out);
      continue;
    }
    std::array<JSAMPROW, 16> rows;
    const JDIMENSION count = std::min<JDIMENSION>(rows.size(), info.output_height - info.output_scanline);
    for (JDIMENSION i = 0; i < count; ++i) rows[i] = pixels + (info.output_scanline + i) * row_bytes;
    jpeg_read_scanlines(&info, rows.data(), count);
  }
}

// False, with decoder.message set, if libjpeg refuses the header.
bool ReadHeader(Decoder& decoder) {
  if (setjmp(decoder.on_error) != 0) return false;
  jpeg_read_header(&decoder.info, TRUE);
  return true;
}

// The same for the picture. `cmyk_row` (4 bytes a pixel) is null unless there are four components.
bool ReadPicture(Decoder& decoder, uint8_t* cmyk_row, uint8_t* pixels) {
  if (setjmp(decoder.on_error) != 0) return false;
  decoder.info.out_color_space = cmyk_row == nullptr ? JCS_RGB : JCS_CMYK;
  jpeg_start_decompress(&decoder.info);
  ReadRows(decoder.info, cmyk_row, pixels);
  jpeg_finish_decompress(&decoder.info);
  return true;
}

// Points the decoder's callbacks at the functions above and its source at `bytes`.
void Connect(Decoder& decoder, std::string_view bytes) {
  decoder.info.err = jpeg_std_error(&decoder.errors);
  decoder.errors.error_exit = Fail;
  decoder.errors.emit_message = OnWarning;
  decoder.errors.output_message = IgnoreMessage;
  decoder.info.client_data = &decoder;
  jpeg_create_decompress(&decoder.info);
  decoder.progress.progress_monitor = CheckScans;
  decoder.info.progress = &decoder.progress;
  decoder.source.next_input_byte = reinterpret_cast<const JOCTET*>(bytes.data());
  decoder.source.bytes_in_buffer = bytes.size();
  decoder.source.init_source = IgnoreSource;
  decoder.source.fill_input_buffer = OnSourceExhausted;
  decoder.source.skip_input_data = SkipInput;
  decoder.source.resync_to_restart = jpeg_resync_to_restart;
  decoder.source.term_source = IgnoreSource;
  decoder.info.src = &decoder.source;
}

absl::StatusOr<RgbImage> Decode(Decoder& decoder, std::string_view bytes, const ImageHeader& header) {
  const auto damaged = [&] {
    return absl::InvalidArgumentError(
        StrCat("jpeg data is cut off or damaged (", bytes.size(), " bytes): ", decoder.message.data()));
  };
  if (!ReadHeader(decoder)) return damaged();
  const jpeg_decompress_struct& info = decoder.info;
  if (info.image_width != static_cast<JDIMENSION>(header.width_px) ||
      info.image_height != static_cast<JDIMENSION>(header.height_px)) {
    return absl::InvalidArgumentError(StrCat("jpeg file states two sizes: ", header.width_px, " x ", header.height_px,
                                             " px and ", info.image_width, " x ", info.image_height, " px"));
  }
  if (info.arith_code != FALSE) {
    return absl::InvalidArgumentError("jpeg files in arithmetic coding are not read; send one in Huffman coding");
  }
  constexpr int kCmykComponents = 4;
  RgbImage image(header.height_px, header.width_px);
  std::vector<uint8_t> cmyk_row(info.num_components == kCmykComponents ? size_t{info.image_width} * 4 : 0);
  if (!ReadPicture(decoder, cmyk_row.empty() ? nullptr : cmyk_row.data(), image.pixels_HWC.data())) return damaged();
  return image;
}

}  // namespace

absl::StatusOr<RgbImage> DecodeJpeg(std::string_view bytes, const ImageHeader& header) {
  Decoder decoder = {};
  Connect(decoder, bytes);
  absl::StatusOr<RgbImage> image = Decode(decoder, bytes, header);
  jpeg_destroy_decompress(&decoder.info);
  return image;
}

}  // namespace vitok
