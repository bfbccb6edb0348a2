// Threads that tools (top -H, gdb, perf) tell apart.
#pragma once

#include <pthread.h>

#include <thread>
#include <utility>

namespace vitok {

// A thread that runs `body` under `name`: at most 15 characters, a literal. Threads that it starts (OpenMP's) are named
// the same.
template <typename Body>
std::thread NamedThread(const char* name, Body body) {
  return std::thread([name, body = std::move(body)]() mutable {
    pthread_setname_np(pthread_self(), name);
    std::move(body)();
  });
}

}  // namespace vitok
