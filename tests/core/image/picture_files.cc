#include "tests/core/image/picture_files.h"

#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <stdexcept>

#include "core/base/str_cat.h"
#include "tests/core/image/gif_bytes.h"
#include "tests/core/image/image_bytes.h"

namespace vitok {
namespace {

constexpr int32_t kHeightPx = 24, kWidthPx = 33;

std::string EncodeWithOpenCv(const std::string& suffix, int type, const std::vector<int>& parameters = {}) {
  cv::Mat mat(kHeightPx, kWidthPx, type);
  cv::RNG random(7);
  random.fill(mat, cv::RNG::UNIFORM, 0, 256);
  std::vector<uint8_t> file;
  if (!cv::imencode(suffix, mat, file, parameters)) throw std::runtime_error("no " + suffix);
  return {file.begin(), file.end()};
}

// The golden files d_<kind>.<suffix>, in the order of their names.
void AddGoldens(std::vector<PictureFile>& files) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator("tests/golden/data/pp/images")) {
    if (entry.path().filename().string().starts_with("d_")) paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  for (const std::filesystem::path& path : paths) {
    std::ifstream file(path, std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const absl::StatusOr<ImageHeader> header = ReadImageHeader(bytes);
    if (!header.ok()) throw std::runtime_error(path.string() + ": " + std::string(header.status().message()));
    files.push_back({path.filename().string(), header->format, std::move(bytes)});
  }
}

std::string MakeInterlacedPng(int color_type, int bits) {
  std::string file;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  const auto append = [](png_structp writer, png_bytep bytes, size_t size) {
    static_cast<std::string*>(png_get_io_ptr(writer))->append(reinterpret_cast<const char*>(bytes), size);
  };
  png_set_write_fn(png, &file, append, nullptr);
  png_set_IHDR(png, info, kWidthPx, kHeightPx, bits, color_type, PNG_INTERLACE_ADAM7, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  constexpr size_t kMaxPixelBytes = 8;
  std::vector<uint8_t> row(kMaxPixelBytes * kWidthPx);
  for (int pass = png_set_interlace_handling(png); pass > 0; --pass) {
    for (int y = 0; y < kHeightPx; ++y) {
      for (size_t i = 0; i < row.size(); ++i) row[i] = static_cast<uint8_t>(i * 7 + y * 31 + i * y);
      png_write_row(png, row.data());
    }
  }
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return file;
}

void AddJpeg(std::vector<PictureFile>& files) {
  const auto add = [&](const std::string& name, std::string bytes) {
    files.push_back({name, ImageFormat::kJpeg, std::move(bytes)});
  };
  add("restarts.jpg",
      EncodeWithOpenCv(".jpg", CV_8UC3, {cv::IMWRITE_JPEG_RST_INTERVAL, 2, cv::IMWRITE_JPEG_PROGRESSIVE, 0}));
  const std::string progressive =
      EncodeWithOpenCv(".jpg", CV_8UC3, {cv::IMWRITE_JPEG_RST_INTERVAL, 3, cv::IMWRITE_JPEG_PROGRESSIVE, 1});
  add("progressive.jpg", progressive);
  constexpr uint8_t kApp1 = 0xE1, kApp2 = 0xE2;
  const std::string xmp = "<x:xmpmeta tiff:Orientation=\"6\"/>";
  std::string annotated = WithJpegSegment(progressive, kApp2, std::string("ICC_PROFILE\0\x01\x01", 14) + "profile");
  annotated = WithJpegSegment(annotated, kApp1, std::string("http://ns.adobe.com/xap/1.0/\0", 29) + xmp);
  add("metadata.jpg", WithJpegSegment(annotated, kApp1, std::string("Exif\0\0", 6) + ExifBlock(6)));
}

void AddPng(std::vector<PictureFile>& files) {
  const auto add = [&](const std::string& name, std::string bytes) {
    files.push_back({name, ImageFormat::kPng, std::move(bytes)});
  };
  add("interlaced_gray.png", MakeInterlacedPng(PNG_COLOR_TYPE_GRAY, 8));
  add("interlaced_bits.png", MakeInterlacedPng(PNG_COLOR_TYPE_GRAY, 1));
  add("interlaced_rgb.png", MakeInterlacedPng(PNG_COLOR_TYPE_RGB, 8));
  add("interlaced_rgba16.png", MakeInterlacedPng(PNG_COLOR_TYPE_RGBA, 16));
  std::string annotated = WithPngChunk(MakeInterlacedPng(PNG_COLOR_TYPE_RGB, 8), "eXIf", ExifBlock(5));
  annotated = WithPngChunk(annotated, "iTXt",
                           std::string("XML:com.adobe.xmp\0\0\0\0\0", 22) + "<x:xmpmeta tiff:Orientation=\"3\"/>");
  add("metadata.png", WithPngChunk(annotated, "iCCP", std::string("icc\0\0", 5) + "not a profile"));
}

void AddWebp(std::vector<PictureFile>& files) {
  const auto add = [&](const std::string& name, std::string bytes) {
    files.push_back({name, ImageFormat::kWebp, std::move(bytes)});
  };
  const RgbImage image = MakePattern(kHeightPx, kWidthPx);
  const std::string lossless = Encode(image, {ImageFormat::kWebp, 101});
  add("lossy.webp", Encode(image, {ImageFormat::kWebp, 80}));
  add("lossy_alpha.webp", EncodeWithOpenCv(".webp", CV_8UC4, {cv::IMWRITE_WEBP_QUALITY, 60}));
  add("lossless.webp", lossless);
  add("lossless_alpha.webp", EncodeWithOpenCv(".webp", CV_8UC4, {cv::IMWRITE_WEBP_QUALITY, 101}));
  add("exif.webp", WithWebpChunk(lossless, image, "EXIF", ExifBlock(8)));
  add("xmp.webp", WithWebpChunk(lossless, image, "XMP ", "<x:xmpmeta tiff:Orientation=\"6\"/>"));
}

// Of 8-bit palette indices, each row as one run of one colour.
std::string MakeRunLengthBmp() {
  constexpr int kColours = 256, kHeaderBytes = 54 + 4 * kColours, kRunLength8 = 1;
  std::string rows;
  for (int32_t y = 0; y < kHeightPx; ++y) {
    rows += std::string{static_cast<char>(kWidthPx), static_cast<char>(y * 9), '\0', '\0'};
  }
  rows += std::string("\0\1", 2);
  std::string file = "BM" + LittleEndian(kHeaderBytes + rows.size(), 4) + LittleEndian(0, 4) +
                     LittleEndian(kHeaderBytes, 4) + LittleEndian(40, 4) + LittleEndian(kWidthPx, 4) +
                     LittleEndian(kHeightPx, 4) + LittleEndian(1, 2) + LittleEndian(8, 2) +
                     LittleEndian(kRunLength8, 4) + LittleEndian(rows.size(), 4) + LittleEndian(0, 8) +
                     LittleEndian(kColours, 4) + LittleEndian(0, 4);
  for (int i = 0; i < kColours; ++i) file += LittleEndian(uint64_t{0x010305} * i & 0xFFFFFF, 4);
  return file + rows;
}

void AddBmp(std::vector<PictureFile>& files) {
  const auto add = [&](const std::string& name, std::string bytes) {
    files.push_back({name, ImageFormat::kBmp, std::move(bytes)});
  };
  add("rgb.bmp", MakeBmp(MakePattern(kHeightPx, kWidthPx)));
  add("gray.bmp", EncodeWithOpenCv(".bmp", CV_8UC1));
  add("rgba.bmp", EncodeWithOpenCv(".bmp", CV_8UC4));
  add("runs.bmp", MakeRunLengthBmp());
}

// One tile of 16 x 16 px, of which the picture is a part. Compressed: OpenCV fails on plain ones.
std::string MakeTiledTiff() {
  constexpr uint32_t kTilePx = 16;
  std::string pixels(3 * kTilePx * kTilePx, '\0'), tile(2 * pixels.size(), '\0');
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<char>(i * 37);
  uLongf tile_bytes = tile.size();
  compress(reinterpret_cast<Bytef*>(tile.data()), &tile_bytes, reinterpret_cast<const Bytef*>(pixels.data()),
           pixels.size());
  tile.resize(tile_bytes);
  constexpr int kEntries = 10, kShort = 3, kLong = 4, kDeflate = 8;
  constexpr uint32_t kDataOffset = 8 + 2 + kEntries * 12 + 4;
  return std::string("II*\0", 4) + LittleEndian(8, 4) + LittleEndian(kEntries, 2) + TiffEntry(256, kLong, 13) +
         TiffEntry(257, kLong, 11) + TiffEntry(258, kShort, 8) + TiffEntry(259, kShort, kDeflate) +
         TiffEntry(262, kShort, 2) + TiffEntry(277, kShort, 3) + TiffEntry(322, kLong, kTilePx) +
         TiffEntry(323, kLong, kTilePx) + TiffEntry(324, kLong, kDataOffset) + TiffEntry(325, kLong, tile.size()) +
         LittleEndian(0, 4) + tile;
}

void AddTiff(std::vector<PictureFile>& files) {
  const auto add = [&](const std::string& name, std::string bytes) {
    files.push_back({name, ImageFormat::kTiff, std::move(bytes)});
  };
  constexpr int kUncompressed = 1, kLzw = 5, kDeflate = 8, kPackBits = 32773;
  add("strip.tif", MakeTiff(MakePattern(kHeightPx, kWidthPx)));
  add("tile.tif", MakeTiledTiff());
  for (const int compression : {kUncompressed, kLzw, kDeflate, kPackBits}) {
    const std::vector<int> parameters = {cv::IMWRITE_TIFF_COMPRESSION, compression};
    add(StrCat("gray_", compression, ".tif"), EncodeWithOpenCv(".tiff", CV_8UC1, parameters));
    add(StrCat("rgb_", compression, ".tif"), EncodeWithOpenCv(".tiff", CV_8UC3, parameters));
    add(StrCat("rgba16_", compression, ".tif"), EncodeWithOpenCv(".tiff", CV_16UC4, parameters));
  }
}

void AddGif(std::vector<PictureFile>& files) {
  const auto add = [&](const std::string& name, std::string bytes) {
    files.push_back({name, ImageFormat::kGif, std::move(bytes)});
  };
  add("gray.gif", MakeGrayGif(MakePattern(kHeightPx, kWidthPx)));
  add("one_colour.gif", MakeGifOfOneColour(kHeightPx, kWidthPx));
  GifPicture picture{.screen_height_px = 30,
                     .screen_width_px = 30,
                     .top_px = 3,
                     .left_px = 5,
                     .height_px = 20,
                     .width_px = 22,
                     .screen_colours = {{1, 2, 3}, {40, 50, 60}},
                     .colours = {{10, 20, 30}, {40, 50, 60}, {70, 80, 90}, {100, 110, 120}},
                     .interlaced = true,
                     .extensions = "!\xFE\x03yes" + std::string(1, '\0') + TransparentIndex(2)};
  for (int i = 0; i < 20 * 22; ++i) picture.indices.push_back(i * i / 3 % 4);
  add("interlaced_transparent.gif", MakeGif(picture));
}

}  // namespace

const std::vector<PictureFile>& PictureFiles() {
  static const auto* const files = [] {
    auto* made = new std::vector<PictureFile>;
    AddGoldens(*made);
    AddJpeg(*made);
    AddPng(*made);
    AddWebp(*made);
    AddBmp(*made);
    AddTiff(*made);
    AddGif(*made);
    return made;
  }();
  return *files;
}

}  // namespace vitok
