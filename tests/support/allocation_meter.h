// How much memory a piece of code asks for, whether it touches it or not.
#pragma once

#include <cstdint>

namespace vitok {

// Counts what the whole process allocates, and gives back, as long as it lives. A program that uses it has its
// malloc() and relatives replaced by counting ones; under a sanitizer its hooks are used. One at a time.
//
//   const AllocationMeter meter;
//   DecodeImage(file);
//   EXPECT_LT(meter.PeakBytes(), 1 << 20);
class AllocationMeter {
 public:
  AllocationMeter();

  // The most that was held at once, beyond what was held at the start.
  int64_t PeakBytes() const;

 private:
  int64_t before_;
};

}  // namespace vitok
