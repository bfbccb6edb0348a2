#include "core/image/codec.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <opencv2/core.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgcodecs.hpp>
#include <utility>
#include <vector>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/image/alpha_blend.h"
#include "core/image/gif_decoder.h"
#include "core/image/jpeg_decoder.h"
#include "core/image/orientation.h"
#include "core/image/png_decoder.h"
#include "core/image/quiet_cerr.h"
#include "core/image/readable_kinds.h"
#include "core/image/tiff_data.h"
#include "core/image/tiff_directory.h"
#include "core/image/webp_decoder.h"

namespace vitok {
namespace {

// OpenCV's own threads and log lines are not wanted: pictures are decoded side by side on the caller's threads, and
// every failure becomes a status.
void InitOpenCv() {
  [[maybe_unused]] static const bool initialized = [] {
    cv::setNumThreads(0);
    cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
    return true;
  }();
}

// Memory for pictures that holds zeros. OpenCV leaves parts of some pictures unwritten, and a client must not get what
// other requests left there.
class ZeroingAllocator : public cv::MatAllocator {
 public:
  cv::UMatData* allocate(int dims, const int* sizes, int type, void* data, size_t* step, cv::AccessFlag flags,
                         cv::UMatUsageFlags usage) const override {
    cv::UMatData* const memory = cv::Mat::getStdAllocator()->allocate(dims, sizes, type, data, step, flags, usage);
    if (memory != nullptr && data == nullptr) std::memset(memory->data, 0, memory->size);
    return memory;
  }
  bool allocate(cv::UMatData* memory, cv::AccessFlag flags, cv::UMatUsageFlags usage) const override {
    return cv::Mat::getStdAllocator()->allocate(memory, flags, usage);
  }
  void deallocate(cv::UMatData* memory) const override { cv::Mat::getStdAllocator()->deallocate(memory); }
};

// What the fourth channel of a decoded file means.
enum class FourthChannel { kAlpha, kPremultipliedAlpha, kIgnored };

FourthChannel TiffFourthChannel(std::string_view bytes, int depth) {
  constexpr uint16_t kExtraSamples = 338;
  constexpr uint32_t kUnspecified = 0, kAssociated = 1;
  const auto fields = ReadTiffDirectory(bytes);
  if (!fields.has_value() || !fields->contains(kExtraSamples)) return FourthChannel::kAlpha;
  const uint32_t kind = fields->at(kExtraSamples);
  if (kind == kUnspecified) return FourthChannel::kIgnored;
  // libtiff multiplies 8-bit colours by their alpha if the file has not done it.
  return kind == kAssociated || depth == CV_8U ? FourthChannel::kPremultipliedAlpha : FourthChannel::kAlpha;
}

// `count` pixels from OpenCV's channel order and depth to RGB. 16-bit grey is clipped, 16-bit colour cut to its high
// byte, as in Pillow.
template <typename Sample>
void RowToRgb(const Sample* in, int channels, FourthChannel fourth, int count, uint8_t* rgb) {
  const auto to_byte = [&](Sample value) -> uint8_t {
    if constexpr (sizeof(Sample) == 1) return value;
    return static_cast<uint8_t>(channels == 1 ? std::min<Sample>(value, 255) : value >> 8);
  };
  for (int x = 0; x < count; ++x, in += channels, rgb += 3) {
    if (channels == 1) {
      std::fill_n(rgb, 3, to_byte(in[0]));
      continue;
    }
    for (int channel = 0; channel < 3; ++channel) rgb[channel] = to_byte(in[2 - channel]);
    if (channels == 3 || fourth == FourthChannel::kIgnored) continue;
    const uint8_t alpha = to_byte(in[3]);
    if (fourth == FourthChannel::kAlpha) {
      const uint8_t rgba[] = {rgb[0], rgb[1], rgb[2], alpha};
      BlendOverWhite(rgba, 1, rgb);
    } else {
      for (int channel = 0; channel < 3; ++channel) rgb[channel] = std::min(255, rgb[channel] + 255 - alpha);
    }
  }
}

absl::StatusOr<RgbImage> MatToRgb(const cv::Mat& mat, std::string_view bytes, ImageFormat format, AlphaRule alpha) {
  const int channels = mat.channels();
  const bool known_depth = mat.depth() == CV_8U || mat.depth() == CV_16U;
  if (!known_depth || (channels != 1 && channels != 3 && channels != 4)) {
    return absl::InvalidArgumentError(StrCat(ImageFormatName(format), " file has ", channels, " channels of type ",
                                             cv::depthToString(mat.depth()),
                                             "; must have 1, 3 or 4 channels of 8 or 16 bits"));
  }
  FourthChannel fourth = format == ImageFormat::kTiff ? TiffFourthChannel(bytes, mat.depth()) : FourthChannel::kAlpha;
  if (alpha == AlphaRule::kDrop) fourth = FourthChannel::kIgnored;
  RgbImage image(mat.rows, mat.cols);
  for (int y = 0; y < mat.rows; ++y) {
    uint8_t* out = image.pixels_HWC.data() + size_t{3} * y * mat.cols;
    if (mat.depth() == CV_8U) {
      RowToRgb(mat.ptr<uint8_t>(y), channels, fourth, mat.cols, out);
    } else {
      RowToRgb(mat.ptr<uint16_t>(y), channels, fourth, mat.cols, out);
    }
  }
  return image;
}

absl::StatusOr<RgbImage> DecodeWithOpenCv(std::string_view bytes, const ImageHeader& header, const DecodeLimits& limits,
                                          AlphaRule alpha) {
  VITOK_RETURN_IF_ERROR(CheckReadable(bytes, header.format, limits.max_pixels));
  if (header.format == ImageFormat::kTiff)
    VITOK_RETURN_IF_ERROR(CheckTiffData(bytes, MaxTiffBlockPixels(limits.max_pixels)));
  InitOpenCv();
  static auto* const allocator = new ZeroingAllocator;  // never destroyed: pictures may outlive the program's statics
  cv::Mat mat;
  mat.allocator = allocator;
  const QuietCerr quiet;  // imdecode tells std::cerr about each picture that it cannot read
  try {
    // imdecode only reads the buffer, but takes it as a matrix.
    const cv::Mat buffer(1, static_cast<int>(bytes.size()), CV_8UC1, const_cast<char*>(bytes.data()));
    if (cv::imdecode(buffer, cv::IMREAD_UNCHANGED, &mat).empty()) mat.release();
  } catch (const cv::Exception&) {
    mat.release();  // its text names OpenCV's source lines, of no use to a caller
  }
  if (mat.empty()) {
    return absl::InvalidArgumentError(StrCat(ImageFormatName(header.format),
                                             " data is cut off, damaged or of a kind that is not read (", bytes.size(),
                                             " bytes)"));
  }
  // The limits were checked against the header; TIFF pictures come turned.
  const bool as_stored = mat.cols == header.width_px && mat.rows == header.height_px;
  const bool turned = mat.cols == header.height_px && mat.rows == header.width_px;
  if (!as_stored && !turned) {
    return absl::InvalidArgumentError(StrCat(ImageFormatName(header.format),
                                             " file states two sizes: ", header.width_px, " x ", header.height_px,
                                             " px and ", mat.cols, " x ", mat.rows, " px"));
  }
  return MatToRgb(mat, bytes, header.format, alpha);
}

absl::StatusOr<RgbImage> DecodeAsStored(std::string_view bytes, const ImageHeader& header, const DecodeLimits& limits,
                                        AlphaRule alpha) {
  switch (header.format) {
    case ImageFormat::kJpeg: return DecodeJpeg(bytes, header);
    case ImageFormat::kPng: return DecodePng(bytes, header, alpha);
    case ImageFormat::kWebp: return DecodeWebp(bytes, header, alpha);
    case ImageFormat::kGif: return DecodeGif(bytes, header, alpha);
    case ImageFormat::kBmp:
    case ImageFormat::kTiff: return DecodeWithOpenCv(bytes, header, limits, alpha);
  }
  return absl::InternalError("unknown image format");
}

// File suffix and parameters for cv::imencode.
struct EncodePlan {
  const char* suffix;
  std::vector<int> parameters;
};

absl::StatusOr<EncodePlan> PlanEncoding(const EncodeOptions& options) {
  constexpr int kBestLossyQuality = 100, kLosslessQuality = 101;
  const bool webp = options.format == ImageFormat::kWebp;
  const int max_quality = webp ? kLosslessQuality : kBestLossyQuality;
  if (options.format != ImageFormat::kPng && (options.quality < 1 || options.quality > max_quality)) {
    return absl::InvalidArgumentError(
        StrCat(ImageFormatName(options.format), " quality must be in [1, ", max_quality, "]; was ", options.quality));
  }
  switch (options.format) {
    case ImageFormat::kPng: return EncodePlan{".png", {}};
    case ImageFormat::kJpeg: return EncodePlan{".jpg", {cv::IMWRITE_JPEG_QUALITY, options.quality}};
    case ImageFormat::kWebp: return EncodePlan{".webp", {cv::IMWRITE_WEBP_QUALITY, options.quality}};
    case ImageFormat::kBmp:
    case ImageFormat::kTiff:
    case ImageFormat::kGif: break;
  }
  return absl::InvalidArgumentError(
      StrCat("images are written as png, jpeg or webp; was ", ImageFormatName(options.format)));
}

}  // namespace

absl::StatusOr<RgbImage> DecodeImage(std::string_view bytes, const DecodeLimits& limits, AlphaRule alpha) {
  VITOK_ASSIGN_OR_RETURN(const ImageHeader header, ReadImageHeader(bytes));
  const int64_t num_pixels = int64_t{header.width_px} * header.height_px;
  if (num_pixels > limits.max_pixels) {
    return absl::InvalidArgumentError(StrCat("image of ", header.width_px, " x ", header.height_px, " px has ",
                                             num_pixels, " pixels; at most ", limits.max_pixels, " are allowed"));
  }
  try {
    VITOK_ASSIGN_OR_RETURN(RgbImage image, DecodeAsStored(bytes, header, limits, alpha));
    return ApplyOrientation(std::move(image), ReadOrientation(bytes, header.format));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        StrCat("no memory to decode an image of ", header.width_px, " x ", header.height_px, " px"));
  }
}

absl::StatusOr<std::string> EncodeImage(RgbView image, const EncodeOptions& options) {
  InitOpenCv();
  VITOK_ASSIGN_OR_RETURN(const EncodePlan plan, PlanEncoding(options));
  if (image.height_px < 1 || image.width_px < 1) {
    return absl::InvalidArgumentError(
        StrCat("cannot encode an image of ", image.width_px, " x ", image.height_px, " px"));
  }
  std::vector<uint8_t> file;
  try {
    cv::Mat bgr(image.height_px, image.width_px, CV_8UC3);
    const size_t bytes = size_t{3} * image.height_px * image.width_px;
    for (size_t i = 0; i < bytes; i += 3) {
      std::reverse_copy(image.pixels_HWC + i, image.pixels_HWC + i + 3, bgr.data + i);
    }
    if (!cv::imencode(plan.suffix, bgr, file, plan.parameters)) file.clear();
  } catch (const cv::Exception&) {
    file.clear();
  }
  if (file.empty()) {
    return absl::InvalidArgumentError(StrCat("an image of ", image.width_px, " x ", image.height_px,
                                             " px cannot be written as ", ImageFormatName(options.format)));
  }
  return std::string(file.begin(), file.end());
}

absl::StatusOr<std::string> EncodeImage(const RgbImage& image, const EncodeOptions& options) {
  if (image.pixels_HWC.size() != size_t{3} * image.height_px * image.width_px) {
    return absl::InvalidArgumentError(StrCat("cannot encode an image of ", image.width_px, " x ", image.height_px,
                                             " px with ", image.pixels_HWC.size(), " bytes"));
  }
  return EncodeImage(RgbView(image), options);
}

}  // namespace vitok
