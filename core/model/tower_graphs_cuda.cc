#include "core/model/tower_graphs.h"

#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/core/InferenceMode.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <string>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "core/base/log.h"
#include "core/model/graph_shape.h"
#include "core/ops/attention_stats.h"
#include "core/ops/copy_padded_cuda.h"
#include "core/ops/launch_cuda.h"

namespace vitok {
namespace {

constexpr int64_t kCopyAlignment = 16;
constexpr int64_t kBoundSlots = (kMaxGraphImages + 1 + 3) / 4 * 4;  // whole 16 bytes

// A capture needs a stream that is not the default one and that nobody else uses meanwhile. One a device serves all
// models, since cuBLAS keeps a workspace a stream; it comes from the pool of high priority, of which nothing else in
// the process takes any.
struct CaptureStream {
  absl::Mutex mutex;
  const c10::cuda::CUDAStream stream;

  static CaptureStream& ForDevice(c10::DeviceIndex device) {
    static absl::Mutex mutex(absl::kConstInit);
    static auto* const streams = new std::map<c10::DeviceIndex, CaptureStream*>;
    const absl::MutexLock lock(&mutex);
    CaptureStream*& capture = (*streams)[device];
    if (capture == nullptr) {
      capture = new CaptureStream{.mutex = {}, .stream = c10::cuda::getStreamFromPool(/*isHighPriority=*/true, device)};
    }
    return *capture;
  }
};

// A graph whose capture may fail. torch's own end of a capture stops at the error and leaves its allocators and its
// generator of random numbers in the belief that the stream is being captured.
class Graph : public at::cuda::CUDAGraph {
 public:
  // Ends a capture in which something failed. The pool stays counted as used: others may be captured into it.
  void AbandonCapture() {
    cudaGraph_t broken = nullptr;
    static_cast<void>(cudaStreamEndCapture(capture_stream_, &broken));
    if (broken != nullptr) static_cast<void>(cudaGraphDestroy(broken));
    static_cast<void>(cudaGetLastError());
    const auto unless_ended = [](const auto& end) {
      try {
        end();
      } catch (const c10::Error&) {
        // It was not told of the capture, or of its end already.
      }
    };
    unless_ended([&] { c10::cuda::CUDACachingAllocator::endAllocateToPool(capture_dev_, mempool_id_); });
    unless_ended([&] { at::getHostAllocator(at::kCUDA)->end_allocate_to_pool(mempool_id_); });
    for (auto& [generator, increment] : captured_generator_states_) generator->capturing_ = false;
  }
};

// Where graphs read their batch: the same memory for all graphs of a half.
struct Inputs {
  at::Tensor values_TC;
  at::Tensor row_T;
  at::Tensor col_T;
  at::Tensor cu_I1;

  explicit Inputs(const at::Tensor& like_TC)
      : values_TC(at::zeros({kMaxGraphTokens, like_TC.size(1)}, like_TC.options())),
        row_T(at::zeros({kMaxGraphTokens}, like_TC.options().dtype(at::kInt))),
        col_T(at::zeros_like(row_T)),
        cu_I1(at::zeros({kBoundSlots}, row_T.options())) {}

  // Copies a batch here and fills it up to `shape`, on the current stream.
  void Fill(const at::Tensor& x_TC, const TokenLayout& layout, const GraphShape& shape) {
    const auto copy = [](const at::Tensor& source, at::Tensor& target, int64_t rows, uint32_t fill) {
      const int64_t bytes = rows * target.stride(0) * target.element_size();
      return PaddedCopy{.source = source.const_data_ptr(),
                        .target = target.mutable_data_ptr(),
                        .source_bytes = static_cast<int64_t>(source.nbytes()),
                        .target_bytes = (bytes + kCopyAlignment - 1) / kCopyAlignment * kCopyAlignment,
                        .fill = fill};
    };
    const at::Tensor values = x_TC.contiguous(), row = layout.row_T.contiguous(), col = layout.col_T.contiguous(),
                     cu = layout.cu_I1.contiguous();
    TORCH_CHECK(values.scalar_type() == values_TC.scalar_type() && values.size(1) == values_TC.size(1) &&
                    row.scalar_type() == at::kInt && col.scalar_type() == at::kInt && cu.scalar_type() == at::kInt,
                "a graph was captured for other tokens than ", values.scalar_type(), " ", values.sizes());
    const PaddedCopies copies = {copy(values, values_TC, shape.tokens, 0), copy(row, row_T, shape.tokens, 0),
                                 copy(col, col_T, shape.tokens, 0),
                                 copy(cu, cu_I1, shape.images + 1, static_cast<uint32_t>(layout.num_tokens()))};
    LaunchOn(values, [&](cudaStream_t stream) { return LaunchPaddedCopies(copies, stream); });
  }

  AttentionLayout Layout(const GraphShape& shape, const at::Tensor& rope_frequency_F,
                         std::optional<int64_t> window) const {
    AttentionBatch batch{.window = window, .cu_I1 = cu_I1.narrow(0, 0, shape.images + 1)};
    if (!shape.equal_images) batch.max_image_tokens = shape.image_tokens;
    for (int64_t i = 0; i <= shape.images; ++i) {
      batch.offsets.push_back(shape.equal_images ? i * shape.image_tokens : 0);  // 0: cu_I1 alone counts
    }
    return {std::move(batch), {row_T.narrow(0, 0, shape.tokens), col_T.narrow(0, 0, shape.tokens), rope_frequency_F}};
  }
};

struct CapturedTower {
  Graph graph;
  at::Tensor result_TM;  // does not own its memory, which other graphs of the pool use, too: to be read at once
  AttentionPath path = AttentionPath::kPacked;
};

class CudaTowerGraphs final : public TowerGraphs {
 public:
  explicit CudaTowerGraphs(at::Device device) : device_(device), pool_(at::cuda::graph_pool_handle()) {}

  ~CudaTowerGraphs() override {
    try {
      if (last_stream_.has_value()) last_stream_->synchronize();
    } catch (const c10::Error&) {
      // A failed device runs nothing any more.
    }
  }

  std::optional<at::Tensor> Run(AutoencoderHalf half, const Tower& tower, const at::Tensor& x_TC,
                                const TokenLayout& layout, std::optional<int64_t> window) override {
    const std::optional<GraphShape> shape = GraphShapeOf(layout.offsets);
    if (!shape.has_value() || !layout.cu_I1.defined()) return std::nullopt;
    const absl::MutexLock lock(&mutex_);
    const c10::cuda::CUDAGuard guard(device_);
    FollowStream(c10::cuda::getCurrentCUDAStream());
    const std::pair key(half, *shape);
    const auto found = graphs_.find(key);
    if (found != graphs_.end() && found->second == nullptr) return std::nullopt;
    std::optional<Inputs>& inputs = inputs_[static_cast<size_t>(half)];
    if (!inputs.has_value()) inputs.emplace(x_TC);
    inputs->Fill(x_TC, layout, *shape);
    if (found == graphs_.end()) {
      graphs_[key] = TryCapture(half, tower, *shape, inputs->values_TC.narrow(0, 0, shape->tokens),
                                inputs->Layout(*shape, tower.rope_frequency_F, window));
    }
    CapturedTower* const captured = graphs_[key].get();
    if (captured == nullptr) return std::nullopt;
    captured->graph.replay();
    CountAttentionPass(captured->path);
    return captured->result_TM.narrow(0, 0, layout.num_tokens()).clone();
  }

  int64_t num_graphs() const override {
    const absl::MutexLock lock(&mutex_);
    return std::count_if(graphs_.begin(), graphs_.end(), [](const auto& entry) { return entry.second != nullptr; });
  }

 private:
  // The batches before this one read and write the same memory.
  void FollowStream(c10::cuda::CUDAStream stream) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (last_stream_.has_value() && *last_stream_ != stream) last_stream_->synchronize();
    last_stream_ = stream;
  }

  // nullptr: not to be captured.
  std::unique_ptr<CapturedTower> TryCapture(AutoencoderHalf half, const Tower& tower, const GraphShape& shape,
                                            const at::Tensor& x_TC, const AttentionLayout& attention)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto start = std::chrono::steady_clock::now();
    std::unique_ptr<CapturedTower> captured;
    std::string reason = "attention without a plan of cuDNN";
    try {
      captured = Capture(tower, x_TC, attention);
    } catch (const c10::Error& error) {
      reason = error.what_without_backtrace();
    }
    if (captured != nullptr || !std::exchange(failure_logged_, true)) {
      const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
      std::vector<LogField> fields = {{"device", int64_t{device_.index()}},
                                      {"half", std::string(half == AutoencoderHalf::kEncoder ? "encoder" : "decoder")},
                                      {"tokens", shape.tokens},
                                      {"images", shape.images},
                                      {"image_tokens", shape.image_tokens},
                                      {"build_us", static_cast<int64_t>(time.count())}};
      if (captured == nullptr) fields.push_back({"reason", reason});
      LogEvent(captured != nullptr ? spdlog::level::info : spdlog::level::warn,
               captured != nullptr ? "graph captured" : "batches without graphs", fields);
    }
    return captured;
  }

  std::unique_ptr<CapturedTower> Capture(const Tower& tower, const at::Tensor& x_TC, const AttentionLayout& attention)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    CaptureStream& capture = CaptureStream::ForDevice(device_.index());
    const absl::MutexLock lock(&capture.mutex);
    last_stream_->synchronize();  // the inputs are there
    const c10::InferenceMode inference;
    const c10::cuda::CUDAStreamGuard guard(capture.stream);
    // Plans of attention, modules of kernels and workspaces of cuBLAS must be there before the capture.
    std::optional<AttentionPath> path;
    tower.Forward(x_TC, attention, &path);
    capture.stream.synchronize();
    if (path.has_value() && path != AttentionPath::kDense && path != AttentionPath::kPacked &&
        path != AttentionPath::kShort) {
      return nullptr;
    }

    auto captured = std::make_unique<CapturedTower>();
    captured->path = path.value_or(AttentionPath::kPacked);
    at::Tensor result_TM;
    try {
      // Other threads may allocate and copy meanwhile.
      captured->graph.capture_begin(pool_, cudaStreamCaptureModeThreadLocal);
      result_TM = tower.Forward(x_TC, attention);
      captured->graph.capture_end();
    } catch (...) {
      captured->graph.AbandonCapture();
      throw;
    }
    captured->result_TM = at::from_blob(result_TM.mutable_data_ptr(), result_TM.sizes(), result_TM.options());
    return captured;
  }

  const at::Device device_;
  const c10::MempoolId_t pool_;
  mutable absl::Mutex mutex_;
  std::array<std::optional<Inputs>, 2> inputs_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<AutoencoderHalf, GraphShape>, std::unique_ptr<CapturedTower>> graphs_
      ABSL_GUARDED_BY(mutex_);  // nullptr: could not be captured
  std::optional<c10::cuda::CUDAStream> last_stream_ ABSL_GUARDED_BY(mutex_);
  bool failure_logged_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

std::unique_ptr<TowerGraphs> MakeTowerGraphsCuda(at::Device device) {
  const at::DeviceIndex index = device.has_index() ? device.index() : c10::cuda::current_device();
  return std::make_unique<CudaTowerGraphs>(at::Device(at::kCUDA, index));
}

}  // namespace vitok
