#include "core/ops/attention_plans_cuda.h"

#include <cudnn_frontend.h>

#include <array>
#include <chrono>
#include <cmath>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "core/base/log.h"
#include "core/base/str_cat.h"
#include "core/ops/attention_stats.h"

namespace vitok {

namespace fe = cudnn_frontend;

namespace {

// Names of the graph's tensors. Those from kDescaleQ on are the scalars of fp8, in the order of kScalars.
enum Uid : int64_t {
  kQ = 1,
  kK,
  kV,
  kOut,
  kInOffsets,
  kOutOffsets,
  kLengths,
  kDescaleQ,
  kDescaleK,
  kDescaleV,
  kDescaleWeights,
  kScaleWeights,
  kScaleOut,
  kAmaxWeights,
  kAmaxOut,
};

// Weights of the softmax before they are divided by their sum, at most 1, are rounded to e4m3, too: the largest power
// of two below 448 keeps those down to 2^-14 exact to 2^-4.
constexpr float kWeightScale = 256;
// What fp8 plans read for each scalar, and the two they write, which nobody reads.
constexpr std::array<float, 8> kScalars = {1, 1, 1, 1 / kWeightScale, kWeightScale, 1, 0, 0};

using TensorHandle = std::shared_ptr<fe::graph::Tensor_attributes>;

// The graph of one attention, with what is needed to build it.
class GraphBuilder {
 public:
  explicit GraphBuilder(const AttentionPlanKey& key) : key_(key), graph_(std::make_shared<fe::graph::Graph>()) {
    graph_->set_io_data_type(IsFp8() ? fe::DataType_t::FP8_E4M3 : fe::DataType_t::BFLOAT16)
        .set_intermediate_data_type(fe::DataType_t::FLOAT)
        .set_compute_data_type(fe::DataType_t::FLOAT);
  }

  std::shared_ptr<fe::graph::Graph> Describe() {
    fe::graph::SDPA_attributes attention;  // SDPA_fp8_attributes are the same
    attention.set_name("attention")
        .set_generate_stats(false)
        .set_attn_scale(static_cast<float>(1.0 / std::sqrt(static_cast<double>(key_.head_dim))));
    TensorHandle in_offsets, out_offsets;
    if (key_.packed) {
      in_offsets = PerSlot(kInOffsets, key_.image_slots + 1, fe::DataType_t::INT64);
      out_offsets = PerSlot(kOutOffsets, key_.image_slots + 1, fe::DataType_t::INT64);
      const TensorHandle lengths = PerSlot(kLengths, key_.image_slots, fe::DataType_t::INT32);
      attention.set_padding_mask(true).set_seq_len_q(lengths).set_seq_len_kv(lengths);
    }
    if (key_.window != kFullAttention) {
      attention.set_diagonal_alignment(fe::DiagonalAlignment_t::TOP_LEFT)
          .set_diagonal_band_left_bound(key_.window + 1)  // counts the token itself
          .set_diagonal_band_right_bound(key_.window);
    }
    const AttentionStrides& strides = key_.strides;
    const TensorHandle q = Input(kQ, in_offsets);
    const TensorHandle k = Input(kK, in_offsets);
    const TensorHandle v = Input(kV, in_offsets);
    const TensorHandle out = IsFp8() ? AttendFp8(q, k, v, attention) : graph_->sdpa(q, k, v, attention)[0];
    out->set_output(true).set_uid(kOut).set_dim(Dims()).set_stride(Strides(strides.out_token, strides.out_head));
    if (key_.packed) out->set_ragged_offset(out_offsets);
    return std::move(graph_);
  }

 private:
  bool IsFp8() const { return key_.dtype == AttentionDType::kE4m3; }

  TensorHandle AttendFp8(const TensorHandle& q, const TensorHandle& k, const TensorHandle& v,
                         const fe::graph::SDPA_fp8_attributes& attention) {
    const auto scalar = [&](Uid uid) { return PerSlot(uid, 1, fe::DataType_t::FLOAT); };
    const auto [out, stats, amax_weights, amax_out] =
        graph_->sdpa_fp8(q, k, v, scalar(kDescaleQ), scalar(kDescaleK), scalar(kDescaleV), scalar(kDescaleWeights),
                         scalar(kScaleWeights), scalar(kScaleOut), attention);
    for (const auto& [amax, uid] : {std::pair(amax_weights, kAmaxWeights), std::pair(amax_out, kAmaxOut)}) {
      amax->set_output(true)
          .set_uid(uid)
          .set_dim({1, 1, 1, 1})
          .set_stride({1, 1, 1, 1})
          .set_data_type(fe::DataType_t::FLOAT);
    }
    return out;
  }

  std::vector<int64_t> Dims() const { return {key_.image_slots, key_.heads, key_.max_tokens, key_.head_dim}; }

  std::vector<int64_t> Strides(int64_t token, int64_t head) const { return {key_.max_tokens * token, head, token, 1}; }

  TensorHandle Input(Uid uid, const TensorHandle& offsets) {
    auto attributes = fe::graph::Tensor_attributes().set_uid(uid).set_dim(Dims()).set_stride(
        Strides(key_.strides.in_token, key_.strides.in_head));
    if (offsets != nullptr) attributes.set_ragged_offset(offsets);
    return graph_->tensor(attributes);
  }

  TensorHandle PerSlot(Uid uid, int64_t count, fe::DataType_t type) {
    return graph_->tensor(fe::graph::Tensor_attributes()
                              .set_uid(uid)
                              .set_dim({count, 1, 1, 1})
                              .set_stride({1, 1, 1, 1})
                              .set_data_type(type));
  }

  const AttentionPlanKey& key_;
  std::shared_ptr<fe::graph::Graph> graph_;
};

void LogPlan(int device, const AttentionPlanKey& key, std::string_view message, double seconds,
             const std::string& reason) {
  std::vector<LogField> fields = {{"device", int64_t{device}}, {"path", std::string(AttentionPathName(PathOf(key)))},
                                  {"heads", key.heads},        {"head_dim", key.head_dim},
                                  {"images", key.image_slots}, {"image_tokens", key.max_tokens},
                                  {"window", key.window},      {"build_us", static_cast<int64_t>(seconds * 1e6)}};
  if (!reason.empty()) fields.push_back({"reason", reason});
  LogEvent(spdlog::level::info, message, fields);
}

}  // namespace

class AttentionPlan {
 public:
  AttentionPlan(std::shared_ptr<fe::graph::Graph> graph, int64_t workspace_bytes, const AttentionPlanKey& key)
      : graph(std::move(graph)), workspace_bytes(workspace_bytes), packed(key.packed), dtype(key.dtype) {}

  const std::shared_ptr<fe::graph::Graph> graph;
  const int64_t workspace_bytes;
  const bool packed;
  const AttentionDType dtype;
};

struct AttentionPlans::State {
  absl::Mutex mutex;
  cudnnHandle_t handle ABSL_GUARDED_BY(mutex) = nullptr;
  float* scalars ABSL_GUARDED_BY(mutex) = nullptr;  // kScalars on the device, made with the first plan of fp8
  std::map<AttentionPlanKey, std::unique_ptr<const AttentionPlan>> plans ABSL_GUARDED_BY(mutex);  // nullptr: refused

  // The handle of cuDNN, made when it is first needed.
  absl::Status EnsureHandle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (handle != nullptr) return absl::OkStatus();
    const cudnnStatus_t status = cudnnCreate(&handle);
    if (status == CUDNN_STATUS_SUCCESS) return absl::OkStatus();
    handle = nullptr;
    return absl::InternalError(StrCat("cudnnCreate: ", cudnnGetErrorString(status)));
  }

  absl::Status EnsureScalars() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (scalars != nullptr) return absl::OkStatus();
    void* memory = nullptr;
    cudaError_t error = cudaMalloc(&memory, sizeof(kScalars));
    if (error == cudaSuccess) {
      error = cudaMemcpy(memory, kScalars.data(), sizeof(kScalars), cudaMemcpyHostToDevice);
    }
    if (error != cudaSuccess) return absl::InternalError(StrCat("scalars of fp8: ", cudaGetErrorString(error)));
    scalars = static_cast<float*>(memory);
    return absl::OkStatus();
  }

  // nullptr with `reason` set if cuDNN has no such plan.
  std::unique_ptr<const AttentionPlan> Build(const AttentionPlanKey& key, std::string* reason)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    absl::Status status = EnsureHandle();
    if (status.ok() && key.dtype == AttentionDType::kE4m3) status = EnsureScalars();
    if (!status.ok()) {
      *reason = std::string(status.message());
      return nullptr;
    }
    std::shared_ptr<fe::graph::Graph> graph = GraphBuilder(key).Describe();
    fe::error_t error = graph->build(handle, {fe::HeurMode_t::A});
    int64_t workspace_bytes = 0;
    if (error.is_good()) error = graph->get_workspace_size(workspace_bytes);
    if (error.is_good()) return std::make_unique<AttentionPlan>(std::move(graph), workspace_bytes, key);
    *reason = error.get_message();
    return nullptr;
  }
};

AttentionPlans::AttentionPlans(int device) : device_(device), state_(std::make_unique<State>()) {}

AttentionPlans& AttentionPlans::ForDevice(int device) {
  static absl::Mutex mutex(absl::kConstInit);
  static auto* const devices = new std::map<int, AttentionPlans*>;
  const absl::MutexLock lock(&mutex);
  AttentionPlans*& plans = (*devices)[device];
  if (plans == nullptr) plans = new AttentionPlans(device);
  return *plans;
}

const AttentionPlan* AttentionPlans::Find(const AttentionPlanKey& key) {
  const absl::MutexLock lock(&state_->mutex);
  if (const auto found = state_->plans.find(key); found != state_->plans.end()) return found->second.get();
  if (static_cast<int64_t>(state_->plans.size()) >= kMaxPlans) return nullptr;
  std::string reason;
  const auto start = std::chrono::steady_clock::now();
  std::unique_ptr<const AttentionPlan> plan = state_->Build(key, &reason);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  CountAttentionPlan(plan != nullptr, seconds);
  LogPlan(device_, key, plan != nullptr ? "attention plan built" : "attention plan refused", seconds, reason);
  return (state_->plans[key] = std::move(plan)).get();
}

int64_t AttentionPlans::WorkspaceBytes(const AttentionPlan& plan) { return plan.workspace_bytes; }

absl::Status AttentionPlans::Run(const AttentionPlan& plan, const AttentionPointers& pointers, cudaStream_t stream) {
  std::unordered_map<int64_t, void*> tensors = {{kQ, const_cast<void*>(pointers.q)},
                                                {kK, const_cast<void*>(pointers.k)},
                                                {kV, const_cast<void*>(pointers.v)},
                                                {kOut, pointers.out}};
  if (plan.packed) {
    tensors[kInOffsets] = pointers.offsets.in_elements;
    tensors[kOutOffsets] = pointers.offsets.out_elements;
    tensors[kLengths] = pointers.offsets.lengths;
  }
  const absl::MutexLock lock(&state_->mutex);
  if (plan.dtype == AttentionDType::kE4m3) {
    for (size_t i = 0; i < kScalars.size(); ++i) tensors[kDescaleQ + static_cast<int64_t>(i)] = state_->scalars + i;
  }
  if (const cudnnStatus_t status = cudnnSetStream(state_->handle, stream); status != CUDNN_STATUS_SUCCESS) {
    return absl::InternalError(StrCat("cudnnSetStream: ", cudnnGetErrorString(status)));
  }
  fe::error_t error = plan.graph->execute(state_->handle, tensors, pointers.workspace);
  if (error.is_good()) return absl::OkStatus();
  return absl::InternalError(StrCat("attention through cuDNN failed: ", error.get_message()));
}

}  // namespace vitok
