#include "tests/support/allocation_meter.h"

#include <atomic>
#include <cerrno>
#include <cstddef>

// gcc's way to say so, then clang's.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define VITOK_HAS_MALLOC_HOOKS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define VITOK_HAS_MALLOC_HOOKS 1
#endif
#endif

#ifdef VITOK_HAS_MALLOC_HOOKS
// As in <sanitizer/allocator_interface.h>, which gcc does not bring.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" {
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*, size_t),
                                              void (*on_free)(const volatile void*));
size_t __sanitizer_get_allocated_size(const volatile void* block);
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
#else
#include <malloc.h>
#endif

namespace vitok {
namespace {

constinit std::atomic<int64_t> held_bytes = 0, peak_bytes = 0;

void Add(size_t size) {
  const int64_t held = held_bytes += static_cast<int64_t>(size);
  int64_t peak = peak_bytes;
  while (held > peak && !peak_bytes.compare_exchange_weak(peak, held)) {
  }
}

void Remove(size_t size) { held_bytes -= static_cast<int64_t>(size); }

#ifdef VITOK_HAS_MALLOC_HOOKS
void OnMalloc(const volatile void*, size_t size) { Add(size); }
void OnFree(const volatile void* block) {
  if (block != nullptr) Remove(__sanitizer_get_allocated_size(block));
}
#else
void* Counted(void* block) {
  if (block != nullptr) Add(malloc_usable_size(block));
  return block;
}
#endif

}  // namespace

AllocationMeter::AllocationMeter() {
#ifdef VITOK_HAS_MALLOC_HOOKS
  [[maybe_unused]] static const int installed = __sanitizer_install_malloc_and_free_hooks(&OnMalloc, &OnFree);
#endif
  before_ = held_bytes;
  peak_bytes = before_;
}

int64_t AllocationMeter::PeakBytes() const { return peak_bytes - before_; }

}  // namespace vitok

#ifndef VITOK_HAS_MALLOC_HOOKS
// The C library lets a program bring its own functions of these names, and keeps its own under these.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming,cppcoreguidelines-no-malloc)
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* block, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
void __libc_free(void* block);

void* malloc(size_t size) { return vitok::Counted(__libc_malloc(size)); }
void* calloc(size_t count, size_t size) { return vitok::Counted(__libc_calloc(count, size)); }
void* memalign(size_t alignment, size_t size) { return vitok::Counted(__libc_memalign(alignment, size)); }
void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void** block, size_t alignment, size_t size) {
  *block = memalign(alignment, size);
  return *block == nullptr ? ENOMEM : 0;
}

void* realloc(void* block, size_t size) {
  const size_t before = block == nullptr ? 0 : malloc_usable_size(block);
  void* const moved = __libc_realloc(block, size);
  if (moved != nullptr || size == 0) vitok::Remove(before);
  return vitok::Counted(moved);
}

void free(void* block) {
  if (block != nullptr) vitok::Remove(malloc_usable_size(block));
  __libc_free(block);
}
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming,cppcoreguidelines-no-malloc)
#endif
