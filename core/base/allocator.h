// The memory allocator of programs that link vitok_allocator: jemalloc, but for builds with a sanitizer, which bring
// their own. Buffers of pictures are allocated on one thread and freed on another; there glibc's heaps grow for hours
// and give blocks of megabytes back to the system after every request.
#pragma once

namespace vitok {

// For main, before there are threads.
void TuneAllocator();

// What is free goes back to the system now. Otherwise it stays for some seconds, for the next requests.
void ReturnFreeMemory();

}  // namespace vitok
