#include "client/bench/synthetic_image.h"

#include <cmath>
#include <numbers>
#include <vector>

namespace vitok {
namespace {

constexpr double kAmplitude = 55;  // of each of the two waves
constexpr uint64_t kNoiseLevels = 16;

// One to four periods over `length` values.
std::vector<float> Wave(int32_t length, Random* random) {
  const double periods = 1 + 3 * random->Uniform();
  const double phase = random->Uniform();
  std::vector<float> wave(length);
  for (int32_t i = 0; i < length; ++i) {
    wave[i] = static_cast<float>(kAmplitude * std::sin(2 * std::numbers::pi * (periods * i / length + phase)));
  }
  return wave;
}

}  // namespace

RgbImage MakeSyntheticImage(ImageSize size, Random* random) {
  RgbImage image(size.height_px, size.width_px);
  std::vector<float> rows[3];
  std::vector<float> columns[3];
  for (int channel = 0; channel < 3; ++channel) {
    rows[channel] = Wave(size.height_px, random);
    columns[channel] = Wave(size.width_px, random);
  }
  uint8_t* value = image.pixels_HWC.data();
  for (int32_t y = 0; y < size.height_px; ++y) {
    for (int32_t x = 0; x < size.width_px; ++x) {
      uint64_t noise = random->Bits();
      for (int channel = 0; channel < 3; ++channel, noise /= kNoiseLevels) {
        *value++ = static_cast<uint8_t>(120 + rows[channel][y] + columns[channel][x] +
                                        static_cast<float>(noise % kNoiseLevels));
      }
    }
  }
  return image;
}

}  // namespace vitok
