#ifdef VITOK_CUDA
#include "core/ops/copy_padded_cuda.h"

#include "core/ops/launch_cuda.h"
#include "tests/core/ops/cuda_checks.h"

namespace vitok {
namespace {

using CopyPaddedTest = CudaTest;

TEST_F(CopyPaddedTest, CopiesAndFillsUp) {
  const auto options = at::TensorOptions(at::kCUDA).dtype(at::kByte);
  const at::Tensor bytes_B = at::randint(256, {1 << 16}, options);
  struct Case {
    int64_t begin, source_bytes, target_bytes;  // begin: addresses of sources are not aligned
    int32_t fill;
  };
  const std::array<Case, 4> cases = {Case{0, 4096 + 4, 8192, 77}, {6, 5000, 5008, 0}, {64, 32, 32, -1}, {3, 0, 48, 5}};
  std::vector<at::Tensor> targets;
  PaddedCopies copies;
  for (size_t i = 0; i < cases.size(); ++i) {
    targets.push_back(at::full({cases[i].target_bytes + 16}, 0xee, options));
    copies[i] = {.source = bytes_B.const_data_ptr<uint8_t>() + cases[i].begin,
                 .target = targets[i].mutable_data_ptr(),
                 .source_bytes = cases[i].source_bytes,
                 .target_bytes = cases[i].target_bytes,
                 .fill = static_cast<uint32_t>(cases[i].fill)};
  }
  LaunchOn(bytes_B, [&](cudaStream_t stream) { return LaunchPaddedCopies(copies, stream); });
  for (size_t i = 0; i < cases.size(); ++i) {
    const Case& c = cases[i];
    at::Tensor expected = at::full({c.target_bytes / 4}, c.fill, options.dtype(at::kInt)).view(at::kByte);
    expected.narrow(0, 0, c.source_bytes).copy_(bytes_B.narrow(0, c.begin, c.source_bytes));
    EXPECT_TRUE(at::equal(targets[i].narrow(0, 0, c.target_bytes), expected)) << i;
    EXPECT_TRUE((targets[i].narrow(0, c.target_bytes, 16) == 0xee).all().item<bool>()) << i;
  }
}

}  // namespace
}  // namespace vitok
#endif
