#include "server/cpu_jobs.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <utility>

// Of the OpenMP runtime that libtorch brings. <omp.h> is missing or another runtime's where the compiler is not gcc.
extern "C" void omp_set_num_threads(int num_threads) noexcept;

namespace vitok {
namespace {

// ATen sets each thread's OpenMP team to the process-wide size at its first parallel loop; once that is done, the size
// of this thread alone can be set.
void UseOneAtenThread() {
  thread_local const bool done = [] {
    at::internal::lazy_init_num_threads();
    omp_set_num_threads(1);
    return true;
  }();
  (void)done;
}

}  // namespace

void CpuJobs::Schedule(absl::AnyInvocable<void() &&> job) {
  pool_.Schedule([job = std::move(job)]() mutable { RunHere([&job] { std::move(job)(); }); });
}

void CpuJobs::RunHere(absl::FunctionRef<void()> job) {
  UseOneAtenThread();
  const c10::InferenceMode inference_mode;
  job();
}

}  // namespace vitok
