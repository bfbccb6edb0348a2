// Every kind of picture file, damaged in every way that we know: it is decoded to a picture of the size that its header
// states, or refused with a reason; memory stays within the bound of codec.h, and nothing is printed. Most telling
// under AddressSanitizer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>
#include <string>

#include "core/base/str_cat.h"
#include "core/image/codec.h"
#include "tests/core/image/corruption.h"
#include "tests/core/image/image_bytes.h"
#include "tests/core/image/picture_files.h"
#include "tests/support/allocation_meter.h"

namespace vitok {
namespace {

constexpr DecodeLimits kLimits{.max_pixels = 1 << 16};

// Catches what is written to standard output and error while it lives, by the C library or past it.
class OutputCatcher {
 public:
  // `file` gets all of it.
  explicit OutputCatcher(int file) {
    Flush();
    for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
      saved_[stream == STDERR_FILENO] = dup(stream);
      dup2(file, stream);
    }
  }
  ~OutputCatcher() {
    Flush();
    for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
      dup2(saved_[stream == STDERR_FILENO], stream);
      close(saved_[stream == STDERR_FILENO]);
    }
  }
  OutputCatcher(const OutputCatcher&) = delete;
  OutputCatcher& operator=(const OutputCatcher&) = delete;

 private:
  static void Flush() {
    std::cout.flush();
    std::fflush(nullptr);
  }

  std::array<int, 2> saved_;
};

class HostilePicturesTest : public testing::Test {
 protected:
  HostilePicturesTest() : output_(memfd_create("output", MFD_CLOEXEC)) {}
  ~HostilePicturesTest() override {
    EXPECT_EQ(lseek(output_, 0, SEEK_CUR), 0) << "bytes were printed";
    close(output_);
  }

  // Returns whether it was decoded.
  bool ExpectHarmless(std::string_view bytes, const DecodeLimits& limits = kLimits) const {
    const AllocationMeter meter;
    const absl::StatusOr<RgbImage> image = [&] {
      const OutputCatcher catcher(output_);
      return DecodeImage(bytes, limits);
    }();
    EXPECT_LE(meter.PeakBytes(), MaxDecodeBytes(limits));
    const absl::StatusOr<ImageHeader> header = ReadImageHeader(bytes);
    if (!image.ok()) {
      EXPECT_EQ(image.status().code(), absl::StatusCode::kInvalidArgument) << image.status();
      EXPECT_FALSE(image.status().message().empty());
      return false;
    }
    EXPECT_TRUE(header.ok()) << header.status();
    if (!header.ok()) return true;
    const auto [low_px, high_px] = std::minmax(header->height_px, header->width_px);
    EXPECT_EQ(std::min(image->height_px, image->width_px), low_px);
    EXPECT_EQ(std::max(image->height_px, image->width_px), high_px);
    EXPECT_EQ(image->pixels_HWC.size(), size_t{3} * image->height_px * image->width_px);
    return true;
  }

 private:
  const int output_;
};

TEST_F(HostilePicturesTest, EveryKindIsReadAsLongAsItIsWhole) {
  for (const PictureFile& file : PictureFiles()) {
    const absl::StatusOr<RgbImage> image = DecodeImage(file.bytes, kLimits);
    EXPECT_TRUE(image.ok()) << file.name << ": " << image.status();
    EXPECT_TRUE(ExpectHarmless(file.bytes)) << file.name;
  }
}

TEST_F(HostilePicturesTest, SurvivesSixtyFourCorruptionsOfEachKind) {
  constexpr uint32_t kVariants = 64;
  std::vector<int64_t> decoded(std::size(PictureFiles())), refused(decoded);
  for (size_t i = 0; i < PictureFiles().size(); ++i) {
    const PictureFile& file = PictureFiles()[i];
    for (uint32_t seed = 0; seed < kVariants; ++seed) {
      SCOPED_TRACE(StrCat(file.name, ", seed ", seed));
      ++(ExpectHarmless(Corrupt(file, seed)) ? decoded : refused)[i];
    }
    EXPECT_GT(refused[i], 0) << file.name << ": a damage that no decoder notices is none";
  }
}

TEST_F(HostilePicturesTest, RefusesWhatIsCutOff) {
  constexpr size_t kCuts = 96;
  for (const PictureFile& file : PictureFiles()) {
    for (size_t i = 0; i < kCuts; ++i) {
      const size_t size = i * (file.bytes.size() - 1) / kCuts;  // the last byte of GIF says nothing
      EXPECT_FALSE(ExpectHarmless(std::string_view(file.bytes).substr(0, size)))
          << file.name << ": " << size << " of " << file.bytes.size() << " bytes";
    }
  }
}

// What a file is called does not matter (no name reaches the decoder), what it begins with does.
TEST_F(HostilePicturesTest, RefusesFilesThatBeginAsAnotherKind) {
  for (const PictureFile& file : PictureFiles()) {
    for (const PictureFile& other : PictureFiles()) {
      if (file.format == other.format) continue;
      constexpr size_t kMagicBytes = 12;
      std::string bytes = other.bytes.substr(0, kMagicBytes) + file.bytes.substr(kMagicBytes);
      EXPECT_FALSE(ExpectHarmless(bytes)) << file.name << " as " << other.name;
      bytes = other.bytes.substr(0, other.bytes.size() / 2) + file.bytes;
      ExpectHarmless(bytes);  // rows without compression may be anything
    }
  }
}

TEST_F(HostilePicturesTest, RefusesSizesThatNoFileHas) {
  constexpr uint32_t kMax31 = 0x7FFFFFFF, kMax32 = 0xFFFFFFFF;
  for (const PictureFile& file : PictureFiles()) {
    for (const auto& [height_px, width_px] : {std::pair(0U, 0U),
                                              {0U, 9U},
                                              {9U, 0U},
                                              {kMax31, kMax31},
                                              {kMax31, 1U},
                                              {1U, kMax31},
                                              {kMax32, kMax32},
                                              {65535U, 65535U},
                                              {1U << 31, 1U}}) {
      SCOPED_TRACE(StrCat(file.name, ": ", height_px, " x ", width_px));
      const std::string bytes = WithSize(file, height_px, width_px);
      EXPECT_FALSE(ExpectHarmless(bytes));
      EXPECT_FALSE(ExpectHarmless(bytes, {.max_pixels = 1}));
    }
  }
}

TEST_F(HostilePicturesTest, RefusesLargePicturesInFilesOfFewBytes) {
  constexpr DecodeLimits kLargeLimits{.max_pixels = 1 << 20};
  for (const PictureFile& file : PictureFiles()) {
    for (const auto& [height_px, width_px] : {std::pair(1000U, 1000U), {16U, 16383U}, {16383U, 16U}}) {
      SCOPED_TRACE(StrCat(file.name, ": ", height_px, " x ", width_px));
      const bool may_be_read = file.name == "runs.bmp";  // which leave out what they like
      EXPECT_TRUE(!ExpectHarmless(WithSize(file, height_px, width_px), kLargeLimits) || may_be_read);
    }
  }
}

}  // namespace
}  // namespace vitok
