// Entry points that libFuzzer calls, for the one target that is linked with this file.
#include <cstring>
#include <iostream>

#include "tests/fuzz/fuzz_target.h"

// libFuzzer's own mutations.
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  std::cerr.setstate(std::ios::failbit);  // where OpenCV writes whenever it refuses a picture
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A copy of the exact size, so that AddressSanitizer sees reads past the end.
  const std::vector<char> input(data, data + size);
  vitok::FuzzTargets().front().run({input.data(), input.size()});
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
  const size_t mutated_size = LLVMFuzzerMutate(data, size, max_size);
  const auto& repair = vitok::FuzzTargets().front().repair;
  // Every fourth stays broken: the checks want testing too.
  if (repair == nullptr || seed % 4 == 0) return mutated_size;
  std::string input(reinterpret_cast<const char*>(data), mutated_size);
  repair(input);
  if (input.size() > max_size) return mutated_size;
  std::memcpy(data, input.data(), input.size());
  return input.size();
}
