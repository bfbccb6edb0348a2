// The 24 bytes of 8 pixels in registers, from and to any address.
#pragma once

#include <cstdint>

namespace vitok {

// Reads aligned words, each of which holds at least one of them.
__device__ __forceinline__ void LoadBytes(const uint8_t* address, uint32_t (&words)[6]) {
  const unsigned odd = reinterpret_cast<uintptr_t>(address) % 8;
  if (odd == 0) {
    const auto* const in = reinterpret_cast<const uint2*>(address);
#pragma unroll
    for (int i = 0; i < 3; ++i) {
      const uint2 pair = __ldg(in + i);
      words[2 * i] = pair.x;
      words[2 * i + 1] = pair.y;
    }
    return;
  }
  const unsigned shift = odd % 4 * 8;
  const auto* const in = reinterpret_cast<const uint32_t*>(address - odd % 4);
  uint32_t low = __ldg(in);
#pragma unroll
  for (int i = 0; i < 6; ++i) {
    const uint32_t high = i < 5 || shift > 0 ? __ldg(in + i + 1) : 0;
    words[i] = __funnelshift_r(low, high, shift);
    low = high;
  }
}

__device__ __forceinline__ void StoreBytes(const uint32_t (&words)[6], uint8_t* address) {
  const unsigned odd = reinterpret_cast<uintptr_t>(address) % 8;
  if (odd == 0) {
    auto* const out = reinterpret_cast<uint2*>(address);
#pragma unroll
    for (int i = 0; i < 3; ++i) out[i] = make_uint2(words[2 * i], words[2 * i + 1]);
    return;
  }
  const unsigned head = (4 - odd % 4) % 4;  // bytes before the first aligned word
#pragma unroll
  for (int i = 0; i < 3; ++i) {
    if (i < head) address[i] = static_cast<uint8_t>(words[0] >> (8 * i));
  }
  auto* const out = reinterpret_cast<uint32_t*>(address + head);
#pragma unroll
  for (int i = 0; i < 5; ++i) out[i] = __funnelshift_r(words[i], words[i + 1], 8 * head);
  if (head == 0) {
    out[5] = words[5];
    return;
  }
  const uint32_t tail = words[5] >> (8 * head);
#pragma unroll
  for (int i = 0; i < 3; ++i) {
    if (i < 4 - head) address[head + 20 + i] = static_cast<uint8_t>(tail >> (8 * i));
  }
}

// Byte `index` of what LoadBytes read.
__device__ __forceinline__ uint32_t ByteOf(const uint32_t (&words)[6], int index) {
  return words[index / 4] >> (index % 4 * 8) & 0xFF;
}

}  // namespace vitok
