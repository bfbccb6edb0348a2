// Work that is local to a token, cut into pieces that fit a core's cache.
#pragma once

#include <ATen/ATen.h>
#include <ATen/ThreadLocalState.h>

#include <algorithm>
#include <cstdint>

#include "core/ops/parallel.h"

namespace vitok {

// Tokens of a chunk on the CPU: enough for the matrix product's full speed, and few enough that a chunk's activations
// (a few thousand values a token) stay in the second-level cache and that threads can share the work evenly.
inline constexpr int64_t kChunkTokens = 64;

// Calls `work(begin, end)` for consecutive ranges that cover the rows of x [T, ...]: on the CPU in parallel, one thread
// a chunk, elsewhere once for all. Chunks do not depend on the number of threads, so results do not either.
template <typename Work>
void ForEachTokenChunk(const at::Tensor& x, const Work& work) {
  const int64_t tokens = x.size(0);
  if (!x.device().is_cpu()) return work(0, tokens);
  const int64_t chunks = (tokens + kChunkTokens - 1) / kChunkTokens;
  const at::ThreadLocalState caller;  // inference and grad mode hold in the threads of the pool too
  ForEachInParallel(chunks, [&](int64_t i) {
    const at::ThreadLocalStateGuard guard(caller);
    work(i * kChunkTokens, std::min(tokens, (i + 1) * kChunkTokens));
  });
}

}  // namespace vitok
