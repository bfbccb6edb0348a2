#include "client/bench/random_latents.h"

#include <cstring>

namespace vitok {
namespace {

// Number of mantissa bits and exponent bias of a floating-point type.
struct FloatFormat {
  int mantissa_bits;
  uint32_t bias;
  int bits;
};

FloatFormat FormatOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat16: return {10, 15, 16};
    case DType::kBfloat16: return {7, 127, 16};
    default: return {23, 127, 32};
  }
}

// A sign, one of the exponents -2, -1 and 0, any mantissa: the same for all types, without conversion.
uint32_t RandomFloat(const FloatFormat& format, Random* random) {
  const uint64_t bits = random->Bits();
  const uint32_t sign = bits & 1;
  const uint32_t exponent = format.bias - static_cast<uint32_t>((bits >> 1) % 3);
  const uint32_t mantissa = static_cast<uint32_t>(bits >> 32) & ((1u << format.mantissa_bits) - 1);
  return sign << (format.bits - 1) | exponent << format.mantissa_bits | mantissa;
}

}  // namespace

Latents MakeRandomLatents(ImageSize size, int32_t patch_px, int32_t channels, DType dtype, Random* random) {
  Latents latents;
  latents.grid_rows = (size.height_px + patch_px - 1) / patch_px;
  latents.grid_cols = (size.width_px + patch_px - 1) / patch_px;
  latents.height_px = size.height_px;
  latents.width_px = size.width_px;
  const int64_t tokens = int64_t{latents.grid_rows} * latents.grid_cols;
  latents.z = {dtype, {tokens, channels}, std::string(tokens * channels * SizeInBytes(dtype), '\0')};
  const FloatFormat format = FormatOf(dtype);
  const size_t value_bytes = SizeInBytes(dtype);
  for (size_t offset = 0; offset < latents.z.data.size(); offset += value_bytes) {
    const uint32_t value = RandomFloat(format, random);
    std::memcpy(&latents.z.data[offset], &value, value_bytes);  // both little-endian
  }
  return latents;
}

}  // namespace vitok
