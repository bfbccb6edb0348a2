// Packed attention on a GPU: plans of cuDNN, or ATen's flash attention where it has none.
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "core/ops/attention_plans_cuda.h"
#include "core/ops/launch_cuda.h"
#include "core/ops/varlen_attention.h"

namespace vitok {
namespace {

constexpr int64_t kMaxCudnnHeadDim = 128;
constexpr int64_t kMaxFlashHeadDim = 256;
constexpr int64_t kAlignment = 16;  // bytes that the kernels read and write at a time

// A batch as the kernels see it.
struct Shape {
  AttentionImages images;
  int64_t window;  // kFullAttention: none, or none that limits anything
};

Shape ShapeOf(const AttentionBatch& batch) {
  Shape shape{{.equal_lengths = true}, batch.window.value_or(kFullAttention)};
  for (size_t i = 0; i + 1 < batch.offsets.size(); ++i) {
    const int64_t tokens = batch.offsets[i + 1] - batch.offsets[i];
    if (tokens < batch.from_tokens || tokens >= batch.to_tokens) {
      shape.images.equal_lengths = false;
      continue;
    }
    shape.images.equal_lengths &= i == 0 || tokens == shape.images.max_tokens;
    shape.images.max_tokens = std::max(shape.images.max_tokens, tokens);
    ++shape.images.images;
  }
  if (batch.max_image_tokens.has_value()) {
    shape.images.equal_lengths = false;
    shape.images.max_tokens = *batch.max_image_tokens;
  }
  if (shape.window >= shape.images.max_tokens - 1) shape.window = kFullAttention;
  return shape;
}

bool TakesAll(const AttentionBatch& batch) {
  return batch.from_tokens == 0 && batch.to_tokens == std::numeric_limits<int64_t>::max();
}

at::Tensor CuOnDevice(const AttentionBatch& batch, at::Device device) {
  if (batch.cu_I1.defined()) return batch.cu_I1;
  const std::vector<int32_t> offsets(batch.offsets.begin(), batch.offsets.end());
  return at::tensor(offsets, at::kInt).to(device);
}

// A plan and the part of the batch it computes.
struct PlannedRun {
  const AttentionPlan* plan;
  int64_t first_token;  // of a dense plan
  int64_t first_slot;   // of a packed plan
  int64_t first_head;
};

class CudnnAttention final : public PreparedAttention {
 public:
  // nullptr: cuDNN has no plan of this kind.
  static std::unique_ptr<const CudnnAttention> Create(const AttentionPlanKey& key, const Shape& shape,
                                                      const at::Tensor& q_THD, const AttentionBatch& batch) {
    AttentionPlans& plans = AttentionPlans::ForDevice(q_THD.device().index());
    // On slots without tokens the kernels of fp8 fail.
    const bool may_spare = key.packed && key.dtype == AttentionDType::kBfloat16;
    const int64_t slots = may_spare ? ImageSlots(shape.images.images) : shape.images.images;
    std::vector<PlannedRun> runs;
    int64_t images_done = 0;
    for (const int64_t images : may_spare ? std::vector<int64_t>{slots} : DenseRuns(slots)) {
      AttentionPlanKey run_key = key;
      run_key.image_slots = images;
      run_key.heads = HeadsAtATime(key);
      const AttentionPlan* const plan = plans.Find(run_key);
      if (plan == nullptr) return nullptr;
      for (int64_t head = 0; head < key.heads; head += run_key.heads) {
        runs.push_back({plan, key.packed ? 0 : images_done * shape.images.max_tokens, images_done, head});
      }
      images_done += images;
    }
    std::unique_ptr<CudnnAttention> attention(new CudnnAttention(plans, std::move(runs), PathOf(key)));
    attention->Allocate(key.packed ? slots : 0, q_THD.device());
    if (key.packed) attention->FillOffsets(key, slots, batch, q_THD.device());
    return attention;
  }

  void Run(const at::Tensor& q_THD, const at::Tensor& k_THD, const at::Tensor& v_THD,
           at::Tensor& out_THD) const override {
    const c10::cuda::CUDAGuard guard(q_THD.device());
    const cudaStream_t stream = c10::cuda::getCurrentCUDAStream();
    for (const PlannedRun& run : runs_) {
      const auto first = [&run](const at::Tensor& x_THD) {
        const int64_t elements = run.first_token * x_THD.stride(0) + run.first_head * x_THD.stride(1);
        return static_cast<uint8_t*>(x_THD.data_ptr()) + elements * x_THD.element_size();
      };
      const absl::Status status = plans_.Run(*run.plan,
                                             {.q = first(q_THD),
                                              .k = first(k_THD),
                                              .v = first(v_THD),
                                              .out = first(out_THD),
                                              .offsets = {.in_elements = offsets_.in_elements + run.first_slot,
                                                          .out_elements = offsets_.out_elements + run.first_slot,
                                                          .lengths = offsets_.lengths + run.first_slot},
                                              .workspace = workspace_},
                                             stream);
      TORCH_CHECK(status.ok(), std::string(status.message()));
    }
  }

  AttentionPath path() const override { return path_; }

 private:
  CudnnAttention(AttentionPlans& plans, std::vector<PlannedRun> runs, AttentionPath path)
      : plans_(plans), runs_(std::move(runs)), path_(path) {}

  // One block of device memory for the offsets of `slots` images and the workspace.
  void Allocate(int64_t slots, at::Device device) {
    constexpr int64_t kPart = 256;
    const auto aligned = [](int64_t bytes) { return (bytes + kPart - 1) / kPart * kPart; };
    const int64_t elements_bytes = aligned((slots + 1) * static_cast<int64_t>(sizeof(int64_t)));
    const int64_t lengths_bytes = aligned(slots * static_cast<int64_t>(sizeof(int32_t)));
    int64_t workspace_bytes = 0;
    for (const PlannedRun& run : runs_) {
      workspace_bytes = std::max(workspace_bytes, AttentionPlans::WorkspaceBytes(*run.plan));
    }
    const auto options = at::TensorOptions().dtype(at::kByte).device(device);
    memory_ = at::empty({2 * elements_bytes + lengths_bytes + workspace_bytes}, options);
    auto* const bytes = memory_.data_ptr<uint8_t>();
    offsets_ = {.in_elements = reinterpret_cast<int64_t*>(bytes),
                .out_elements = reinterpret_cast<int64_t*>(bytes + elements_bytes),
                .lengths = reinterpret_cast<int32_t*>(bytes + 2 * elements_bytes)};
    workspace_ = bytes + 2 * elements_bytes + lengths_bytes;
  }

  void FillOffsets(const AttentionPlanKey& key, int64_t slots, const AttentionBatch& batch, at::Device device) {
    cu_I1_ = CuOnDevice(batch, device);
    const AttentionOffsetsArgs args{.cu_I1 = cu_I1_.const_data_ptr<int32_t>(),
                                    .images = static_cast<int64_t>(batch.offsets.size()) - 1,
                                    .slots = slots,
                                    .in_stride = key.strides.in_token,
                                    .out_stride = key.strides.out_token,
                                    .takes_all = TakesAll(batch),
                                    .from_tokens = batch.from_tokens,
                                    .to_tokens = batch.to_tokens};
    LaunchOn(cu_I1_, [&](cudaStream_t stream) { return LaunchAttentionOffsets(args, offsets_, stream); });
  }

  AttentionPlans& plans_;
  const std::vector<PlannedRun> runs_;
  const AttentionPath path_;
  at::Tensor memory_;
  at::Tensor cu_I1_;  // kept for a captured graph, which reads it again
  AttentionOffsets offsets_;
  void* workspace_ = nullptr;
};

// Whether accesses of kAlignment bytes reach every head of every token.
bool IsAligned(const at::Tensor& x_THD) {
  const int64_t elements = kAlignment / x_THD.element_size();
  return reinterpret_cast<uintptr_t>(x_THD.data_ptr()) % kAlignment == 0 && x_THD.stride(0) % elements == 0 &&
         x_THD.stride(1) % elements == 0;
}

class FlashAttention final : public PreparedAttention {
 public:
  FlashAttention(const Shape& shape, const AttentionBatch& batch, at::Device device)
      : max_tokens_(shape.images.max_tokens), cu_I1_(CuOnDevice(batch, device)) {
    if (shape.window != kFullAttention) window_ = shape.window;
  }

  void Run(const at::Tensor& q_THD, const at::Tensor& k_THD, const at::Tensor& v_THD,
           at::Tensor& out_THD) const override {
    // Flash attention reads 16 bytes at a time, whatever the address.
    const auto aligned = [](const at::Tensor& x_THD) {
      return IsAligned(x_THD) ? x_THD : x_THD.clone(at::MemoryFormat::Contiguous);
    };
    out_THD.copy_(std::get<0>(
        at::_flash_attention_forward(aligned(q_THD), aligned(k_THD), aligned(v_THD), cu_I1_, cu_I1_, max_tokens_,
                                     max_tokens_, /*dropout_p=*/0.0, /*is_causal=*/false,
                                     /*return_debug_mask=*/false, /*scale=*/std::nullopt, window_, window_)));
  }

  AttentionPath path() const override { return AttentionPath::kFlash; }

 private:
  const int64_t max_tokens_;
  const at::Tensor cu_I1_;
  std::optional<int64_t> window_;
};

std::unique_ptr<const PreparedAttention> PrepareCudnn(const at::Tensor& q_THD, const at::Tensor& k_THD,
                                                      const at::Tensor& v_THD, const AttentionBatch& batch,
                                                      const Shape& shape, const at::Tensor& out_THD) {
  if (q_THD.size(2) > kMaxCudnnHeadDim || k_THD.strides() != q_THD.strides() || v_THD.strides() != q_THD.strides()) {
    return nullptr;
  }
  for (const at::Tensor* x_THD : {&q_THD, &k_THD, &v_THD, &out_THD}) {
    if (!IsAligned(*x_THD)) return nullptr;
  }
  const bool is_fp8 = q_THD.scalar_type() == at::kFloat8_e4m3fn;
  AttentionPlanKey key{.dtype = is_fp8 ? AttentionDType::kE4m3 : AttentionDType::kBfloat16,
                       .heads = q_THD.size(1),
                       .head_dim = q_THD.size(2),
                       .window = shape.window,
                       .strides = {.in_token = q_THD.stride(0),
                                   .in_head = q_THD.stride(1),
                                   .out_token = out_THD.stride(0),
                                   .out_head = out_THD.stride(1)},
                       .packed = false,
                       .max_tokens = shape.images.max_tokens};
  if (PrefersDense(shape.images)) {
    if (auto dense = CudnnAttention::Create(key, shape, q_THD, batch)) return dense;
  }
  key.packed = true;
  key.max_tokens = TokenBucket(shape.images.max_tokens);
  return CudnnAttention::Create(key, shape, q_THD, batch);
}

}  // namespace

std::unique_ptr<const PreparedAttention> PrepareAttentionCuda(const at::Tensor& q_THD, const at::Tensor& k_THD,
                                                              const at::Tensor& v_THD, const AttentionBatch& all,
                                                              const at::Tensor& out_THD) {
  const int64_t head_dim = q_THD.size(2);
  const at::ScalarType dtype = q_THD.scalar_type();
  if (dtype != at::kBFloat16 && dtype != at::kFloat8_e4m3fn) return nullptr;
  if (head_dim % (kAlignment / q_THD.element_size()) != 0 || head_dim > kMaxFlashHeadDim) return nullptr;
  AttentionBatch batch = all;
  if (dtype == at::kFloat8_e4m3fn) {
    if (batch.max_image_tokens.has_value()) return nullptr;  // images of a later replay may be empty
    batch.from_tokens = std::max<int64_t>(batch.from_tokens, 1);
  }
  const c10::cuda::CUDAGuard guard(q_THD.device());
  const int capability = at::cuda::getCurrentDeviceProperties()->major;
  const Shape shape = ShapeOf(batch);
  // Under a window cuDNN 9.19's kernels of fp8 may never end.
  if (dtype == at::kFloat8_e4m3fn && shape.window != kFullAttention) return nullptr;
  if (capability >= 9) {
    if (auto attention = PrepareCudnn(q_THD, k_THD, v_THD, batch, shape, out_THD)) return attention;
  }
  if (capability >= 8 && dtype == at::kBFloat16) return std::make_unique<FlashAttention>(shape, batch, q_THD.device());
  return nullptr;
}

}  // namespace vitok
