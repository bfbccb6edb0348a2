#include "core/image/tiff_data.h"

#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "core/base/str_cat.h"

namespace vitok {
namespace {

// What libtiff reads, and the first thing that it has to say about it.
struct Input {
  std::string_view bytes;
  uint64_t at = 0;
  std::string error;
};

Input& InputOf(void* handle) { return *static_cast<Input*>(handle); }

tmsize_t Read(thandle_t handle, void* out, tmsize_t size) {
  Input& input = InputOf(handle);
  if (input.at >= input.bytes.size()) return 0;
  const size_t count = std::min<uint64_t>(size, input.bytes.size() - input.at);
  std::memcpy(out, input.bytes.data() + input.at, count);
  input.at += count;
  return static_cast<tmsize_t>(count);
}

tmsize_t Write(thandle_t, void*, tmsize_t) { return 0; }

toff_t Seek(thandle_t handle, toff_t offset, int whence) {
  Input& input = InputOf(handle);
  const uint64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? input.at : input.bytes.size();
  input.at = base + offset;  // an offset below 0 wraps around, as it should
  return input.at;
}

int Close(thandle_t) { return 0; }

toff_t Size(thandle_t handle) { return InputOf(handle).bytes.size(); }

int KeepFirstError(TIFF*, void* user_data, const char*, const char* format, std::va_list arguments) {
  Input& input = InputOf(user_data);
  if (input.error.empty()) {
    char text[256];
    std::vsnprintf(text, sizeof(text), format, arguments);
    input.error = text;
  }
  return 1;  // handled: libtiff prints nothing
}

int IgnoreWarning(TIFF*, void*, const char*, const char*, std::va_list) { return 1; }

struct CloseTiff {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};
using Tiff = std::unique_ptr<TIFF, CloseTiff>;

Tiff Open(Input& input) {
  struct Free {
    void operator()(TIFFOpenOptions* options) const { TIFFOpenOptionsFree(options); }
  };
  const std::unique_ptr<TIFFOpenOptions, Free> options(TIFFOpenOptionsAlloc());
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), &KeepFirstError, &input);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), &IgnoreWarning, nullptr);
  constexpr char kReadUnmapped[] = "rm";
  return Tiff(TIFFClientOpenExt("tiff", kReadUnmapped, &input, &Read, &Write, &Seek, &Close, &Size, nullptr, nullptr,
                                options.get()));
}

bool UnpackAll(TIFF* tiff, int64_t max_block_pixels, Input& input) {
  constexpr int64_t kMaxPixelBytes = 8;
  const bool tiled = TIFFIsTiled(tiff) != 0;
  const auto size = static_cast<int64_t>(tiled ? TIFFTileSize64(tiff) : TIFFStripSize64(tiff));
  if (size < 1 || size > max_block_pixels * kMaxPixelBytes) {
    if (input.error.empty()) input.error = StrCat("strips or tiles of ", size, " bytes");
    return false;
  }
  std::vector<char> block(size);
  const uint32_t count = tiled ? TIFFNumberOfTiles(tiff) : TIFFNumberOfStrips(tiff);
  for (uint32_t i = 0; i < count; ++i) {
    if (TIFFGetStrileByteCount(tiff, i) == 0) {  // libtiff would take the file's first bytes for its pixels
      if (input.error.empty()) input.error = StrCat("no data for strip or tile ", i, " of ", count);
      return false;
    }
    const tmsize_t unpacked =
        tiled ? TIFFReadEncodedTile(tiff, i, block.data(), size) : TIFFReadEncodedStrip(tiff, i, block.data(), size);
    if (unpacked < 0) return false;
  }
  return true;
}

}  // namespace

absl::Status CheckTiffData(std::string_view bytes, int64_t max_block_pixels) {
  Input input{.bytes = bytes};
  const Tiff tiff = Open(input);
  if (tiff != nullptr && UnpackAll(tiff.get(), max_block_pixels, input)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("tiff data is cut off or damaged (", bytes.size(), " bytes): ", input.error));
}

}  // namespace vitok
