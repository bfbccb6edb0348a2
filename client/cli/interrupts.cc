#include "client/cli/interrupts.h"

#include <atomic>
#include <csignal>

namespace vitok {
namespace {

std::atomic<int> num_interrupts = 0;
static_assert(std::atomic<int>::is_always_lock_free, "signal handlers may use nothing else");

void CountInterrupt(int) { num_interrupts.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

ScopedInterrupts::ScopedInterrupts() {
  num_interrupts = 0;
  std::signal(SIGINT, CountInterrupt);
  std::signal(SIGTERM, CountInterrupt);
}

ScopedInterrupts::~ScopedInterrupts() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

int ScopedInterrupts::count() const { return num_interrupts.load(std::memory_order_relaxed); }

}  // namespace vitok
