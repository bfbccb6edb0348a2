// What a program finds in memory that nobody wrote to. A decoder whose result depends on it gives away what other
// requests left there.
#pragma once

#include <cstdint>

namespace vitok {

// Fills the unused stack with a value, and memory when it is allocated, as long as this lives: OpenCV's pictures in
// every build, and with AddressSanitizer all blocks of up to 64 KiB. One at a time, for one thread.
//
//   { const FreshMemory memory(0xFF); again = DecodeImage(file); }
class FreshMemory {
 public:
  explicit FreshMemory(uint8_t value);
  ~FreshMemory();
  FreshMemory(const FreshMemory&) = delete;
  FreshMemory& operator=(const FreshMemory&) = delete;
};

}  // namespace vitok
