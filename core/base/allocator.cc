#include "core/base/allocator.h"

#ifdef VITOK_JEMALLOC

#include <jemalloc/jemalloc.h>

// jemalloc reads it when the program starts. Blocks of 8 MiB and more are kept like all others: those of large pictures
// come again, and the system would have to clear their pages each time. A thread of its own gives back what was free
// for 3 s, so that no request does. Every arena keeps free blocks for its own threads: a few are enough for threads
// that mostly take megabytes, and bound what all of them keep.
extern "C" {
const char* malloc_conf = "narenas:4,oversize_threshold:0,background_thread:true,dirty_decay_ms:3000,muzzy_decay_ms:0";
}

namespace vitok {

void TuneAllocator() {
  // jemalloc 5.3 makes its first arena before it reads the setting for large blocks.
  size_t threshold = size_t{1} << 40;
  mallctl("arena.0.oversize_threshold", nullptr, nullptr, &threshold, sizeof(threshold));
}

void ReturnFreeMemory() {
  constexpr char kPurgeAll[] = "arena.4096.purge";  // MALLCTL_ARENAS_ALL
  static_assert(MALLCTL_ARENAS_ALL == 4096);
  mallctl(kPurgeAll, nullptr, nullptr, nullptr, 0);
}

}  // namespace vitok

#else

namespace vitok {

void TuneAllocator() {}
void ReturnFreeMemory() {}

}  // namespace vitok

#endif
