#include "server/cpu_jobs.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <utility>

// Of the OpenMP runtime that libtorch brings. <omp.h> is missing or another runtime's where the compiler is not gcc.
extern "C" void omp_set_num_threads(int num_threads) noexcept;

namespace vitok {
namespace {

// ATen on one thread, for as long as this lives: the thread may be one that computes with a team at other times.
class OneAtenThread {
 public:
  OneAtenThread() {
    // ATen gives each thread a team of the process-wide size the first time that it asks; after that the size of this
    // thread's team alone can be set. There are two flags for that: one of what its headers inline, one of its library.
    at::internal::lazy_init_num_threads();
    team_ = at::get_num_threads();
    omp_set_num_threads(1);
  }
  ~OneAtenThread() { omp_set_num_threads(team_); }
  OneAtenThread(const OneAtenThread&) = delete;
  OneAtenThread& operator=(const OneAtenThread&) = delete;

 private:
  int team_;
};

}  // namespace

void CpuJobs::Schedule(absl::AnyInvocable<void() &&> job) {
  pool_.Schedule([job = std::move(job)]() mutable { RunHere([&job] { std::move(job)(); }); });
}

void CpuJobs::RunHere(absl::FunctionRef<void()> job) {
  const OneAtenThread one_thread;
  const c10::InferenceMode inference_mode;
  job();
}

}  // namespace vitok
