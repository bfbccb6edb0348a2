// Small files that would cost much to decode: they are refused, or stay within the bound on memory of codec.h.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/mman.h>
#include <zlib.h>

#include <algorithm>
#include <string>

#include "core/base/str_cat.h"
#include "core/image/codec.h"
#include "tests/core/image/corruption.h"
#include "tests/core/image/gif_bytes.h"
#include "tests/core/image/image_bytes.h"
#include "tests/core/image/picture_files.h"
#include "tests/support/allocation_meter.h"

namespace vitok {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

const PictureFile& FileOf(std::string_view name) {
  const auto found = std::ranges::find(PictureFiles(), name, &PictureFile::name);
  if (found == PictureFiles().end()) throw std::runtime_error(StrCat("no picture ", name));
  return *found;
}

// DecodeImage, which must not need more memory than codec.h says.
absl::StatusOr<RgbImage> DecodeWithin(std::string_view bytes, const DecodeLimits& limits) {
  const AllocationMeter meter;
  absl::StatusOr<RgbImage> image = DecodeImage(bytes, limits);
  EXPECT_LE(meter.PeakBytes(), MaxDecodeBytes(limits));
  return image;
}

// A zlib stream of at least `size` zeros, about a thousandth as long.
std::string CompressedZeros(size_t size) {
  constexpr size_t kBlockBytes = 1 << 20;
  const std::string zeros(kBlockBytes, '\0');
  std::string compressed(2 * kBlockBytes, '\0');
  z_stream stream = {};
  deflateInit(&stream, Z_BEST_COMPRESSION);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(zeros.data()));
  stream.avail_in = kBlockBytes;
  stream.next_out = reinterpret_cast<Bytef*>(compressed.data());
  stream.avail_out = compressed.size();
  deflate(&stream, Z_FULL_FLUSH);
  compressed.resize(stream.total_out);
  deflateEnd(&stream);
  // After a full flush, blocks do not refer to what was before them: one can be there many times.
  constexpr size_t kZlibHeaderBytes = 2;
  const std::string block = compressed.substr(kZlibHeaderBytes);
  compressed.resize(kZlibHeaderBytes);
  const size_t blocks = (size + kBlockBytes - 1) / kBlockBytes;
  for (size_t i = 0; i < blocks; ++i) compressed += block;
  constexpr uint32_t kAdlerModulus = 65521;
  const std::string last_block("\x03\0", 2);
  return compressed + last_block + BigEndian(blocks * kBlockBytes % kAdlerModulus << 16 | 1, 4);
}

std::string PngChunk(const std::string& type, const std::string& payload) {
  return BigEndian(payload.size(), 4) + type + payload + BigEndian(PngChecksum(type + payload), 4);
}

struct PngKind {
  char bits, color_type, interlaced;
};

std::string MakePng(const PngKind& kind, uint32_t height_px, uint32_t width_px, const std::string& data) {
  const std::string size = BigEndian(width_px, 4) + BigEndian(height_px, 4);
  const std::string header = size + std::string{kind.bits, kind.color_type, '\0', '\0', kind.interlaced};
  return "\x89PNG\r\n\x1A\n" + PngChunk("IHDR", header) + PngChunk("IDAT", data) + PngChunk("IEND", "");
}

constexpr PngKind kGray{8, 0, 0}, kInterlacedGray{8, 0, 1}, kInterlacedRgba16{16, 6, 1};

TEST(PictureBombsTest, PngOfNineHundredMegapixelsIsRefusedByItsHeader) {
  constexpr uint32_t kSidePx = 30'000;
  const std::string data = CompressedZeros(size_t{kSidePx} * (kSidePx + 1));
  EXPECT_LT(data.size(), 1 << 20);
  for (const PngKind& kind : {kGray, kInterlacedGray}) {
    const AllocationMeter meter;
    EXPECT_THAT(Message(DecodeImage(MakePng(kind, kSidePx, kSidePx, data)).status()),
                AllOf(HasSubstr("30000 x 30000"), HasSubstr("900000000"), HasSubstr("67108864")));
    EXPECT_LT(meter.PeakBytes(), 4 << 20);  // four copies of the file
  }
}

TEST(PictureBombsTest, PngOfManyPixelsOrRowsStaysWithinItsMemory) {
  constexpr uint32_t kPixels = 1 << 20;
  const std::string data = CompressedZeros(size_t{9} * kPixels);
  for (const uint32_t width_px : {1, 1024}) {
    for (const PngKind& kind : {kGray, kInterlacedRgba16}) {
      const std::string file = MakePng(kind, kPixels / width_px, width_px, data);
      const absl::StatusOr<RgbImage> image = DecodeWithin(file, {.max_pixels = kPixels});
      EXPECT_TRUE(image.ok()) << image.status();
    }
  }
}

TEST(PictureBombsTest, PngWithMoreDataThanPixelsIsNotUnpackedToItsEnd) {
  for (const PngKind& kind : {kGray, kInterlacedGray}) {
    EXPECT_THAT(Message(DecodeImage(MakePng(kind, 4, 4, CompressedZeros(size_t{1} << 27))).status()),
                HasSubstr("more data than pixels"));
    EXPECT_TRUE(DecodeImage(MakePng(kind, 4, 4, CompressedZeros(size_t{1} << 20))).ok());
  }
}

TEST(PictureBombsTest, PngChunksThatPixelsDoNotNeedAreNotUnpacked) {
  const std::string zeros = CompressedZeros(size_t{1} << 27);
  const std::string picture = MakePng(kGray, 4, 4, CompressedZeros(20));
  for (const auto& [type, prefix] : {std::pair("zTXt", std::string("k\0\0", 3)),
                                     {"iTXt", std::string("k\0\1\0\0\0", 6)},
                                     {"iCCP", std::string("k\0\0", 3)}}) {
    const absl::StatusOr<RgbImage> image = DecodeWithin(WithPngChunk(picture, type, prefix + zeros), {});
    EXPECT_TRUE(image.ok()) << type << ": " << image.status();
  }
  std::string many;
  for (int i = 0; i < 100'000; ++i) many += PngChunk("tEXt", "");
  std::string file = picture;
  EXPECT_TRUE(DecodeWithin(file.insert(33, many), {.max_pixels = 16}).ok());
}

// The parts of a progressive JPEG in the order of the file: what comes before its scans, the scans (with the tables
// before them), the end marker.
struct Progressive {
  std::string head;
  std::vector<std::string> scans;
};

Progressive SplitScans(const PictureFile& file) {
  Progressive jpeg;
  std::string tables;
  for (const std::string& part : SplitFile(file)) {
    const auto marker = static_cast<uint8_t>(part[1]);
    constexpr uint8_t kHuffmanTables = 0xC4, kStartOfScan = 0xDA, kEndOfImage = 0xD9;
    if (marker == kHuffmanTables) {
      tables += part;
    } else if (marker == kStartOfScan) {
      jpeg.scans.push_back(tables + part);
      tables.clear();
    } else if (marker != kEndOfImage) {
      jpeg.head += part;
    }
  }
  return jpeg;
}

// Its first scan (the highest bits of DC), and the second `times` times.
std::string WithRepeatedScan(const Progressive& jpeg, size_t scan, int times) {
  std::string file = jpeg.head + jpeg.scans[0];
  for (int i = 0; i < times; ++i) file += jpeg.scans[scan];
  return file + "\xFF\xD9";
}

TEST(PictureBombsTest, JpegOfTooManyScansIsRefused) {
  const Progressive jpeg = SplitScans(FileOf("d_prog.jpg"));
  ASSERT_GT(jpeg.scans.size(), 3);
  EXPECT_TRUE(DecodeImage(WithRepeatedScan(jpeg, 0, 99)).ok());
  EXPECT_THAT(Message(DecodeImage(WithRepeatedScan(jpeg, 0, 100)).status()), HasSubstr("progressive parameters"));
}

TEST(PictureBombsTest, JpegThatBringsItsCoefficientsAgainAndAgainIsRefused) {
  const Progressive jpeg = SplitScans(FileOf("d_prog.jpg"));
  // The scan of all AC coefficients of a chrominance, which has at most a third of all.
  constexpr size_t kChrominance = 2;
  EXPECT_TRUE(DecodeImage(WithRepeatedScan(jpeg, kChrominance, 14)).ok());
  EXPECT_THAT(Message(DecodeImage(WithRepeatedScan(jpeg, kChrominance, 99)).status()),
              HasSubstr("progressive parameters"));
}

TEST(PictureBombsTest, JpegInArithmeticCodingIsRefused) {
  for (const char frame : {'\xC9', '\xCA'}) {
    std::string file = FileOf("d_prog.jpg").bytes;
    file[file.find("\xFF\xC2") + 1] = frame;
    EXPECT_THAT(Message(DecodeImage(file).status()), HasSubstr("arithmetic coding"));
  }
}

TEST(PictureBombsTest, JpegOfAnySamplingStaysWithinItsMemory) {
  constexpr size_t kFirstFactor = 11;  // in the frame header, counted from its marker; three bytes a component
  for (const char* name : {"d_444.jpg", "d_prog.jpg", "d_cmyk.jpg"}) {
    const std::string& bytes = FileOf(name).bytes;
    const size_t frame = std::min(bytes.find("\xFF\xC0"), bytes.find("\xFF\xC2"));
    ASSERT_NE(frame, std::string::npos) << name;
    for (size_t component = 0; component < 3; ++component) {
      for (int factors = 0; factors < 256; ++factors) {
        std::string file = bytes;
        file[frame + kFirstFactor + 3 * component] = static_cast<char>(factors);
        const absl::StatusOr<RgbImage> image = DecodeWithin(file, {.max_pixels = 1 << 13});
        EXPECT_TRUE(image.ok() || absl::IsInvalidArgument(image.status())) << image.status();
      }
    }
  }
}

TEST(PictureBombsTest, WebpOfOneColourStaysWithinItsMemory) {
  // Codes of no bits: more pixels need no more data.
  const std::string bytes = Encode(RgbImage(16, 16), {ImageFormat::kWebp, 101});
  const PictureFile file{"black.webp", ImageFormat::kWebp, bytes};
  EXPECT_THAT(Message(DecodeImage(WithSize(file, 16383, 16383)).status()),
              AllOf(HasSubstr("16383 x 16383"), HasSubstr("67108864")));
  const absl::StatusOr<RgbImage> image = DecodeWithin(WithSize(file, 2048, 2048), {.max_pixels = 1 << 22});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->width_px, 2048);
}

TEST(PictureBombsTest, TiffOfRareCompressionsIsRefusedByName) {
  constexpr size_t kCompressionValue = 8 + 2 + 12 * 3 + 8;
  constexpr uint16_t kOldJpeg = 6, kJpeg = 7, kJbig = 34661, kLerc = 34887, kLzma = 34925, kZstd = 50000, kWebp = 50001;
  for (const uint16_t compression : {kOldJpeg, kJpeg, kJbig, kLerc, kLzma, kZstd, kWebp}) {
    std::string file = MakeTiff(MakePattern(8, 16));
    file.replace(kCompressionValue, 2, LittleEndian(compression, 2));
    const AllocationMeter meter;
    EXPECT_THAT(Message(DecodeImage(file).status()), HasSubstr(StrCat("compression ", compression)));
    EXPECT_LT(meter.PeakBytes(), 1 << 16);
  }
}

TEST(PictureBombsTest, TiffOfOneStripStaysWithinItsMemory) {
  constexpr uint32_t kSidePx = 1024;
  constexpr int kEntries = 9, kShort = 3, kLong = 4, kDeflate = 8, kRgb = 2, kRgbaSamples = 4;
  constexpr uint32_t kDataOffset = 8 + 2 + kEntries * 12 + 4;
  for (const uint32_t bits : {8, 16}) {
    const std::string data = CompressedZeros(size_t{kRgbaSamples} * kSidePx * kSidePx * bits / 8);
    const std::string file =
        std::string("II*\0", 4) + LittleEndian(8, 4) + LittleEndian(kEntries, 2) + TiffEntry(256, kLong, kSidePx) +
        TiffEntry(257, kLong, kSidePx) + TiffEntry(258, kShort, bits) + TiffEntry(259, kShort, kDeflate) +
        TiffEntry(262, kShort, kRgb) + TiffEntry(273, kLong, kDataOffset) + TiffEntry(277, kShort, kRgbaSamples) +
        TiffEntry(278, kLong, kSidePx) + TiffEntry(279, kLong, data.size()) + LittleEndian(0, 4) + data;
    const absl::StatusOr<RgbImage> image = DecodeWithin(file, {.max_pixels = kSidePx * kSidePx});
    EXPECT_TRUE(image.ok()) << image.status();
  }
}

TEST(PictureBombsTest, GifOfOneColourStaysWithinItsMemory) {
  EXPECT_THAT(Message(DecodeImage(MakeGifOfOneColour(2000, 65535)).status()), HasSubstr("65535 x 2000"));
  const std::string file = MakeGifOfOneColour(1024, 1024);
  EXPECT_LT(file.size(), 4096);
  const absl::StatusOr<RgbImage> image = DecodeWithin(file, {.max_pixels = 1 << 20});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->pixels_HWC, RgbImage(1024, 1024).pixels_HWC);
}

TEST(PictureBombsTest, GifOfManyExtensionsIsRead) {
  GifPicture picture{.screen_height_px = 1, .screen_width_px = 1, .height_px = 1, .width_px = 1, .indices = {9}};
  for (int i = 0; i < 100'000; ++i) picture.extensions += std::string("!\xFE\0", 3);
  picture.extensions += "!\xFE";
  for (int i = 0; i < 10'000; ++i) picture.extensions += '\xFF' + std::string(255, '\xFF');
  picture.extensions += '\0';
  const absl::StatusOr<RgbImage> image = DecodeWithin(MakeGif(picture), {.max_pixels = 1});
  EXPECT_TRUE(image.ok()) << image.status();
}

TEST(PictureBombsTest, FilesBeyondTwoGibibytesAreRefused) {
  constexpr size_t kBytes = (size_t{1} << 31) + 100;
  void* const memory =
      mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  for (const std::string& file : {MakeBmp(MakePattern(8, 8)), MakeTiff(MakePattern(8, 8))}) {
    std::ranges::copy(file, static_cast<char*>(memory));
    const absl::Status status = DecodeImage({static_cast<const char*>(memory), kBytes}).status();
    EXPECT_THAT(Message(status), AllOf(HasSubstr("2147483647"), HasSubstr("2147483748")));
  }
  munmap(memory, kBytes);
}

// Orientation as `directory` says it, a TIFF structure of its own, in every format that has it.
void ExpectReadAsStored(const std::string& directory, std::string_view what) {
  const RgbImage image = MakePattern(5, 9);
  for (const std::string& file :
       {WithJpegSegment(Encode(image, {ImageFormat::kJpeg, 100}), 0xE1, std::string("Exif\0\0", 6) + directory),
        WithPngChunk(Encode(image, {}), "eXIf", directory),
        WithWebpChunk(Encode(image, {ImageFormat::kWebp, 101}), image, "EXIF", directory)}) {
    const absl::StatusOr<RgbImage> decoded = DecodeWithin(file, {.max_pixels = 45});
    ASSERT_TRUE(decoded.ok()) << what << ": " << decoded.status();
    EXPECT_EQ(decoded->width_px, 9) << what;
  }
}

TEST(PictureBombsTest, HostileExifIsPassedOver) {
  constexpr size_t kDirectoryOffset = 4, kCount = 8, kType = 12, kValues = 14, kValue = 18;
  const std::string turned = ExifBlock(6);
  const auto with = [&](size_t at, const std::string& bytes) {
    return std::string(turned).replace(at, bytes.size(), bytes);
  };
  for (const uint64_t offset :
       {uint64_t{0}, uint64_t{1}, uint64_t{turned.size()}, uint64_t{0x7FFFFFFF}, uint64_t{0xFFFFFFFF}}) {
    ExpectReadAsStored(with(kDirectoryOffset, LittleEndian(offset, 4)), StrCat("directory at ", offset));
  }
  ExpectReadAsStored(with(kCount, LittleEndian(0xFFFF, 2)), "more entries than bytes");
  for (const int type : {0, 2, 5, 7, 13, 0xFFFF}) ExpectReadAsStored(with(kType, LittleEndian(type, 2)), "type");
  // As many values lie elsewhere.
  ExpectReadAsStored(with(kValues, LittleEndian(0xFFFFFFFF, 4)), "values without end");
  for (const uint32_t value : {0U, 9U, 0xFFFFU}) ExpectReadAsStored(with(kValue, LittleEndian(value, 4)), "value");
  std::string many = std::string("II*\0", 4) + LittleEndian(8, 4) + LittleEndian(5000, 2);
  for (int i = 0; i < 5000; ++i) many += TiffEntry(i % 7, 4, 0xFFFFFFFF);
  ExpectReadAsStored(many, "entries of the same tags");
}

TEST(PictureBombsTest, HostileXmpIsPassedOver) {
  const std::string prefix("XML:com.adobe.xmp\0\0\0\0\0", 22);
  std::string keys;
  for (int i = 0; i < 100'000; ++i) keys += "tiff:Orientation";
  for (const std::string& xmp : {keys, keys + "=\"", keys + ">", keys + "=\"9\"", std::string("tiff:Orientation=\"")}) {
    const std::string file = WithPngChunk(Encode(MakePattern(5, 9), {}), "iTXt", prefix + xmp);
    const absl::StatusOr<RgbImage> image = DecodeImage(file);
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_EQ(image->width_px, 9);
  }
}

}  // namespace
}  // namespace vitok
