#include "tests/fuzz/fresh_memory.h"

// gcc's way to say so, then clang's.
#if defined(__SANITIZE_ADDRESS__)
#define VITOK_HAS_MALLOC_HOOKS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VITOK_HAS_MALLOC_HOOKS 1
#endif
#endif

#ifdef VITOK_HAS_MALLOC_HOOKS
#include <sanitizer/allocator_interface.h>
#endif

#include <cstddef>
#include <cstring>
#include <opencv2/core.hpp>

namespace vitok {
namespace {

struct Filling {
  bool active = false;
  uint8_t value = 0;
};
thread_local Filling filling;

class FillingAllocator : public cv::MatAllocator {
 public:
  cv::UMatData* allocate(int dims, const int* sizes, int type, void* data, size_t* step, cv::AccessFlag flags,
                         cv::UMatUsageFlags usage) const override {
    cv::UMatData* const memory = cv::Mat::getStdAllocator()->allocate(dims, sizes, type, data, step, flags, usage);
    if (memory != nullptr && data == nullptr) std::memset(memory->data, filling.value, memory->size);
    return memory;
  }
  bool allocate(cv::UMatData* memory, cv::AccessFlag flags, cv::UMatUsageFlags usage) const override {
    return cv::Mat::getStdAllocator()->allocate(memory, flags, usage);
  }
  void deallocate(cv::UMatData* memory) const override { cv::Mat::getStdAllocator()->deallocate(memory); }
};

#ifdef VITOK_HAS_MALLOC_HOOKS
// Larger blocks may be calloc's, which AddressSanitizer does not clear after this.
constexpr size_t kMaxFilledBytes = 64 * 1024;

void OnMalloc(const volatile void* block, size_t size) {
  if (filling.active && size <= kMaxFilledBytes) std::memset(const_cast<void*>(block), filling.value, size);
}

void OnFree(const volatile void* block) {}
#endif

// Leaves the value where the functions that are called next have their variables.
[[gnu::noinline]] void FillStack(uint8_t value) {
  constexpr size_t kBytes = 128 * 1024;  // beyond what AddressSanitizer moves to the heap
  uint8_t block[kBytes];
  std::memset(block, value, kBytes);
  asm volatile("" : : "r"(block) : "memory");  // not to be optimised away
}

}  // namespace

FreshMemory::FreshMemory(uint8_t value) {
#ifdef VITOK_HAS_MALLOC_HOOKS
  [[maybe_unused]] static const int installed = __sanitizer_install_malloc_and_free_hooks(&OnMalloc, &OnFree);
#endif
  static auto* const allocator = new FillingAllocator;
  cv::Mat::setDefaultAllocator(allocator);
  filling = {true, value};
  FillStack(value);
}

FreshMemory::~FreshMemory() {
  filling.active = false;
  cv::Mat::setDefaultAllocator(cv::Mat::getStdAllocator());
}

}  // namespace vitok
