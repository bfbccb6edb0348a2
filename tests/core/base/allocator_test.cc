#include "core/base/allocator.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <vector>

#include "tests/support/process_size.h"

namespace vitok {
namespace {

constexpr int kBlocks = 16;
constexpr size_t kBlockBytes = size_t{16} << 20;  // as a large picture

void TakeAndFreeBlocks() {
  std::vector<std::unique_ptr<char[]>> blocks;
  for (int i = 0; i < kBlocks; ++i) {
    blocks.push_back(std::make_unique_for_overwrite<char[]>(kBlockBytes));
    std::memset(blocks.back().get(), i, kBlockBytes);
    asm volatile("" : : "r"(blocks.back().get()) : "memory");  // or the compiler leaves block and values out
  }
}

TEST(AllocatorTest, KeepsLargeBlocksForTheNextRequestUntilItIsAskedForThem) {
  if (!kMemoryIsMeasurable) GTEST_SKIP() << "a sanitizer brings an allocator of its own";
  TuneAllocator();
  const int64_t before = ResidentBytes();
  TakeAndFreeBlocks();
  const int64_t freed = ResidentBytes();
  EXPECT_GT(freed - before, int64_t{kBlocks / 2 * kBlockBytes});
  ReturnFreeMemory();
  EXPECT_LT(ResidentBytes() - before, int64_t{kBlockBytes});
}

}  // namespace
}  // namespace vitok
