#include "core/base/allocator.h"

#ifdef VITOK_JEMALLOC

#include <jemalloc/jemalloc.h>

// jemalloc reads it when the program starts. Blocks of 8 MiB and more are kept like all others: those of large pictures
// come again, and the system would have to clear their pages each time. A thread of its own gives back what was free
// for 10 s, so that no request does. (jemalloc 5.3 makes its first arena, that of the main thread, before it reads the
// first of these settings; threads that work for requests have others.)
extern "C" {
const char* malloc_conf = "oversize_threshold:0,background_thread:true,dirty_decay_ms:10000,muzzy_decay_ms:0";
}

namespace vitok {

void ReturnFreeMemory() {
  constexpr char kPurgeAll[] = "arena.4096.purge";  // MALLCTL_ARENAS_ALL
  static_assert(MALLCTL_ARENAS_ALL == 4096);
  mallctl(kPurgeAll, nullptr, nullptr, nullptr, 0);
}

}  // namespace vitok

#else

namespace vitok {

void ReturnFreeMemory() {}

}  // namespace vitok

#endif
