#include "server/cpu_jobs.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <atomic>

namespace vitok {
namespace {

TEST(CpuJobsTest, RunsEveryJobOnOneAtenThreadUnderInferenceMode) {
  const int threads_before = at::get_num_threads();
  at::set_num_threads(3);  // what threads that ATen does not know yet begin with
  std::atomic<int> jobs_done{0};
  {
    CpuJobs jobs(2);
    for (int i = 0; i < 50; ++i) {
      jobs.Schedule([&jobs_done] {
        EXPECT_EQ(at::get_num_threads(), 1);
        at::parallel_for(0, 1000, 1, [](int64_t, int64_t) { EXPECT_FALSE(at::in_parallel_region()); });
        EXPECT_TRUE(c10::InferenceMode::is_enabled());
        ++jobs_done;
      });
    }
  }
  EXPECT_EQ(jobs_done, 50);
  EXPECT_EQ(at::get_num_threads(), 3);
  at::set_num_threads(threads_before);
}

// The device's thread runs small jobs too; batches after them must still have all its threads.
TEST(CpuJobsTest, GivesTheThreadItsTeamBack) {
  const int threads_before = at::get_num_threads();
  at::set_num_threads(3);
  CpuJobs::RunHere([] { EXPECT_EQ(at::get_num_threads(), 1); });
  EXPECT_EQ(at::get_num_threads(), 3);
  at::set_num_threads(threads_before);
}

}  // namespace
}  // namespace vitok
