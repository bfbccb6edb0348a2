// Attention plans of cuDNN for one device, through the C++ headers of the cuDNN frontend. Free of torch: its headers
// and the frontend's in one file cost minutes of compile time.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "core/ops/attention_offsets_cuda.h"
#include "core/ops/attention_plan_key.h"

namespace vitok {

// A plan of cuDNN for one shape: softmax(q·kᵀ / sqrt(D))·v. In e4m3 inputs are taken for what they are, and the result
// is rounded to e4m3, saturating. Immutable.
class AttentionPlan;

// Device memory that a plan works on, of the device it was built for, 16-byte aligned.
struct AttentionPointers {
  const void* q = nullptr;  // first element of the first image
  const void* k = nullptr;
  const void* v = nullptr;
  void* out = nullptr;
  AttentionOffsets offsets;   // packed plans only
  void* workspace = nullptr;  // AttentionPlans::WorkspaceBytes; may be shared by plans that run one after the other
};

// Thread-safe: one lock serialises building and launching. Meant for the one thread that works for a device, which
// never waits for it then.
//
//   AttentionPlans& plans = AttentionPlans::ForDevice(0);
//   const AttentionPlan* plan = plans.Find(key);   // builds it the first time
//   if (plan != nullptr) VITOK_RETURN_IF_ERROR(plans.Run(*plan, pointers, stream));
class AttentionPlans {
 public:
  // REQUIRES: the device exists. Lives as long as the process, as do its plans: captured graphs refer to their kernels.
  static AttentionPlans& ForDevice(int device);

  // The plan for `key`, built when it is asked for the first time; logged and counted (attention_stats.h). nullptr:
  // cuDNN has none (asked once a key), or kMaxPlans were built. REQUIRES: the device is the current one, no stream of
  // this thread is being captured unless the plan exists already.
  const AttentionPlan* Find(const AttentionPlanKey& key);

  // Bytes of device memory that a plan needs while it runs.
  static int64_t WorkspaceBytes(const AttentionPlan& plan);

  // Launches the plan's kernels; no synchronisation, no allocation on the device; may be captured in a graph. INTERNAL:
  // what cuDNN answered.
  absl::Status Run(const AttentionPlan& plan, const AttentionPointers& pointers, cudaStream_t stream);

  // Bounds the memory of plans where lengths vary without end.
  static constexpr int64_t kMaxPlans = 1024;

 private:
  explicit AttentionPlans(int device);
  ~AttentionPlans() = delete;

  struct State;
  const int device_;
  const std::unique_ptr<State> state_;
};

}  // namespace vitok
