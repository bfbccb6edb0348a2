#include "tests/golden/pp_case.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "core/image/codec.h"
#include "core/image/pipeline_syntax.h"
#include "tests/support/golden_file.h"

namespace vitok::golden {
namespace {

// Distance in units in the last place, as a count of float32 values between the two.
int64_t UlpDistance(float a, float b) {
  const auto ordered = [](float value) {
    int32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    return bits < 0 ? int64_t{INT32_MIN} - bits : int64_t{bits};
  };
  return std::abs(ordered(a) - ordered(b));
}

}  // namespace

std::map<std::string, at::Tensor> PpCase::Tensors() const {
  return ReadTensors(folder / description.at("tensors_file").get<std::string>());
}

RgbImage PpCase::Image(const std::string& path, AlphaRule alpha) const {
  std::ifstream file(folder / path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  absl::StatusOr<RgbImage> image = DecodeImage(bytes, {}, alpha);
  if (!image.ok()) throw std::runtime_error(path + ": " + std::string(image.status().message()));
  return *std::move(image);
}

void ExpectWithinTolerance(const at::Tensor& got, const at::Tensor& expected, const nlohmann::json& tolerance) {
  ASSERT_EQ(got.sizes(), expected.sizes());
  ASSERT_EQ(got.scalar_type(), expected.scalar_type());
  if (const int64_t max_ulp = tolerance.value("ulp", 0); max_ulp > 0) {
    const at::Tensor a = got.contiguous(), b = expected.contiguous();
    int64_t largest = 0;
    for (int64_t i = 0; i < a.numel(); ++i) {
      largest = std::max(largest, UlpDistance(a.data_ptr<float>()[i], b.data_ptr<float>()[i]));
    }
    EXPECT_LE(largest, max_ulp) << "units in the last place";
    return;
  }
  if (got.numel() == 0) return;
  const at::Tensor difference = (got.to(at::kDouble) - expected.to(at::kDouble)).abs();
  EXPECT_LE(difference.max().item<double>(), tolerance.at("max_abs").get<double>());
  if (tolerance.contains("mean_abs")) {
    EXPECT_LE(difference.mean().item<double>(), tolerance.at("mean_abs").get<double>());
  }
}

at::Tensor PixelsOf(const RgbImage& image) {
  return at::from_blob(const_cast<uint8_t*>(image.pixels_HWC.data()), {image.height_px, image.width_px, 3}, at::kByte);
}

RgbImage ImageOf(const at::Tensor& pixels_HW3) {
  RgbImage image(static_cast<int32_t>(pixels_HW3.size(0)), static_cast<int32_t>(pixels_HW3.size(1)));
  const at::Tensor pixels = pixels_HW3.contiguous();
  std::copy_n(pixels.data_ptr<uint8_t>(), pixels.numel(), image.pixels_HWC.begin());
  return image;
}

}  // namespace vitok::golden
