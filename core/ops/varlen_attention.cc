#include "core/ops/varlen_attention.h"

#include <cmath>
#include <set>
#include <string>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "core/base/log.h"
#include "core/base/str_cat.h"
#include "core/ops/attention_mask.h"
#include "core/ops/attention_stats.h"
#include "core/ops/kernel_dispatch.h"

namespace vitok {
namespace {

// Paths that need nothing but the batch itself.
class UnplannedAttention final : public PreparedAttention {
 public:
  using AttendInto = void (*)(const at::Tensor& q_THD, const at::Tensor& k_THD, const at::Tensor& v_THD,
                              const std::vector<int64_t>& offsets, std::optional<int64_t> window, at::Tensor& out_THD);

  UnplannedAttention(AttentionBatch batch, AttentionPath path, AttendInto attend_into)
      : batch_(std::move(batch)), path_(path), attend_into_(attend_into) {}

  void Run(const at::Tensor& q_THD, const at::Tensor& k_THD, const at::Tensor& v_THD,
           at::Tensor& out_THD) const override {
    attend_into_(q_THD, k_THD, v_THD, batch_.offsets, batch_.window, out_THD);
  }

  AttentionPath path() const override { return path_; }

 private:
  const AttentionBatch batch_;
  const AttentionPath path_;
  const AttendInto attend_into_;
};

std::unique_ptr<const PreparedAttention> Choose(const at::Tensor& q_THD, const at::Tensor& k_THD,
                                                const at::Tensor& v_THD, const AttentionBatch& batch,
                                                const at::Tensor& out_THD) {
  if (UseCpuKernel(q_THD) && UseCpuKernel(k_THD) && UseCpuKernel(v_THD) && UseCpuKernel(out_THD)) {
    return std::make_unique<UnplannedAttention>(batch, AttentionPath::kCpu, &VarlenAttentionIntoCpu);
  }
#ifdef VITOK_CUDA
  if (q_THD.is_cuda() && q_THD.numel() > 0) {
    auto attention = PrepareAttentionCuda(q_THD, k_THD, v_THD, batch, out_THD);
    if (attention != nullptr || q_THD.scalar_type() == at::kFloat8_e4m3fn) return attention;
  }
#endif
  return std::make_unique<UnplannedAttention>(batch, AttentionPath::kPerImage, &VarlenAttentionIntoPerImage);
}

// Says once for each kind of model that a GPU computes attention in a slower way. (Plans of cuDNN are logged where they
// are built.)
void LogFallback(AttentionPath path, const at::Tensor& q_THD) {
  static absl::Mutex mutex(absl::kConstInit);
  static auto* const logged = new std::set<std::string>;
  const int64_t heads = q_THD.size(1);
  const int64_t head_dim = q_THD.size(2);
  const std::string name(AttentionPathName(path));
  const std::string dtype = c10::toString(q_THD.scalar_type());
  const absl::MutexLock lock(&mutex);
  if (!logged->insert(StrCat(name, " ", dtype, " ", heads, " ", head_dim)).second) return;
  LogEvent(spdlog::level::info, "attention without cuDNN",
           {{{"path", name}, {"dtype", dtype}, {"heads", heads}, {"head_dim", head_dim}}});
}

}  // namespace

std::unique_ptr<const PreparedAttention> PrepareAttention(const at::Tensor& q_THD, const at::Tensor& k_THD,
                                                          const at::Tensor& v_THD, const AttentionBatch& batch,
                                                          const at::Tensor& out_THD) {
  std::unique_ptr<const PreparedAttention> attention = Choose(q_THD, k_THD, v_THD, batch, out_THD);
  if (attention == nullptr) return nullptr;
  const AttentionPath path = attention->path();
  CountAttentionPass(path);
  if (path == AttentionPath::kFlash || (path == AttentionPath::kPerImage && q_THD.is_cuda())) LogFallback(path, q_THD);
  return attention;
}

void VarlenAttentionInto(const at::Tensor& q_THD, const at::Tensor& k_THD, const at::Tensor& v_THD,
                         const AttentionBatch& batch, at::Tensor& out_THD) {
  PrepareAttention(q_THD, k_THD, v_THD, batch, out_THD)->Run(q_THD, k_THD, v_THD, out_THD);
}

at::Tensor VarlenAttentionReference(const at::Tensor& q_THD, const at::Tensor& k_THD, const at::Tensor& v_THD,
                                    const std::vector<int64_t>& offsets, std::optional<int64_t> window) {
  const int64_t tokens = q_THD.size(0);
  const int64_t unlimited = tokens;
  at::Tensor allowed_TT = at::zeros({tokens, tokens}, q_THD.options().dtype(at::kBool));
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    const int64_t count = offsets[i + 1] - offsets[i];
    allowed_TT.narrow(0, offsets[i], count)
        .narrow(1, offsets[i], count)
        .copy_(BandMask(0, count, 0, count, window.value_or(unlimited), q_THD.device()));
  }
  const at::Tensor q_HTD = q_THD.transpose(0, 1).to(at::kFloat);
  const at::Tensor k_HTD = k_THD.transpose(0, 1).to(at::kFloat);
  const at::Tensor v_HTD = v_THD.transpose(0, 1).to(at::kFloat);
  const double scale = 1.0 / std::sqrt(static_cast<double>(q_THD.size(2)));
  const at::Tensor scores_HTT = at::matmul(q_HTD, k_HTD.transpose(1, 2)) * scale;
  const at::Tensor weights_HTT = at::softmax(scores_HTT.masked_fill(~allowed_TT, -INFINITY), -1);
  return at::matmul(weights_HTT, v_HTD).transpose(0, 1).to(q_THD.scalar_type());
}

}  // namespace vitok
