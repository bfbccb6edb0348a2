// What a GPU whose context is broken is known by, whoever meets it first; in processes of their own, which end with it.
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "core/model/device.h"
#include "core/ops/cuda_linear.h"
#include "core/ops/residual_norm.h"
#include "core/ops/varlen_attention.h"
#include "core/tokens/pack.h"
#include "tests/support/cuda_test.h"
#include "tests/support/tiny_model.h"

#ifdef VITOK_CUDA
#include "core/ops/launch_cuda.h"

namespace vitok {
namespace {

constexpr int kNamed = 42;

class CudaDeviceFaultTest : public CudaTest {
 protected:
  void SetUp() override {
    CudaTest::SetUp();
    GTEST_FLAG_SET(death_test_style, "threadsafe");  // a forked process cannot use the GPU
  }

  // A kernel writes where no memory is.
  static void BreakDevice() {
    auto* const nowhere = reinterpret_cast<float*>(uintptr_t{1} << 20);
    at::from_blob(
        nowhere, {64}, [](void*) {}, at::TensorOptions(at::kCUDA), at::Device(at::kCUDA, 0))
        .fill_(1);
    try {
      c10::cuda::device_synchronize();
    } catch (const c10::Error&) {
      // The tests ask who comes next.
    }
  }

  // Ends the process: kNamed if `work` threw c10::AcceleratorError.
  template <typename Work>
  [[noreturn]] static void BreakDeviceThenRun(const Work& work) {
    BreakDevice();
    int code = 1;
    try {
      work();
      std::fprintf(stderr, "nothing was thrown\n");
    } catch (const c10::AcceleratorError& error) {
      code = kNamed;
    } catch (const c10::Error& error) {
      std::fprintf(stderr, "a plain error: %s\n", error.what_without_backtrace());
    }
    std::_Exit(code);
  }

  const c10::InferenceMode inference_;
};

TEST_F(CudaDeviceFaultTest, AFailedLaunchIsOne) {
  const at::Tensor x = Random({1});
  EXPECT_THROW(LaunchOn(x, [](cudaStream_t) { return cudaErrorLaunchFailure; }), c10::AcceleratorError);
  EXPECT_NO_THROW(LaunchOn(x, [](cudaStream_t) { return cudaSuccess; }));
}

TEST_F(CudaDeviceFaultTest, OtherErrorsStayWhatTheyAre) {
  EXPECT_NO_THROW(CheckDeviceWorks(at::kCUDA));
  EXPECT_NO_THROW(CheckDeviceWorks(at::kCPU));
  try {
    NamingDeviceFaults(at::kCUDA, [] { TORCH_CHECK(false, "no fault of the device"); });
    FAIL() << "nothing was thrown";
  } catch (const c10::AcceleratorError&) {
    FAIL() << "was taken for a device fault";
  } catch (const c10::Error& error) {
    EXPECT_STREQ(error.what_without_backtrace(), "no fault of the device");
  }
}

TEST_F(CudaDeviceFaultTest, KernelsNameIt) {
  at::Tensor x = Random({4, 64}), h = Random({4, 64});
  ResidualNormInto(x, {}, h);
  EXPECT_EXIT(BreakDeviceThenRun([&] { ResidualNormInto(x, {}, h); }), testing::ExitedWithCode(kNamed), "");
}

TEST_F(CudaDeviceFaultTest, ProductsNameIt) {
  const Bfloat16Linear linear(Random({64, 64}));
  const at::Tensor x = Random({4, 64});
  at::Tensor y = Random({4, 64});
  linear.Into(x, y);
  EXPECT_EXIT(BreakDeviceThenRun([&] { NamingDeviceFaults(at::kCUDA, [&] { linear.Into(x, y); }); }),
              testing::ExitedWithCode(kNamed), "");
}

TEST_F(CudaDeviceFaultTest, AttentionNamesIt) {
  const at::Tensor qkv = Random({64, 3, 2, 64});
  at::Tensor out = Random({64, 2, 64});
  const at::Tensor q = qkv.select(1, 0), k = qkv.select(1, 1), v = qkv.select(1, 2);
  const auto attention = PrepareAttention(q, k, v, {.offsets = {0, 64}}, out);
  attention->Run(q, k, v, out);
  EXPECT_EXIT(BreakDeviceThenRun([&] { NamingDeviceFaults(at::kCUDA, [&] { attention->Run(q, k, v, out); }); }),
              testing::ExitedWithCode(kNamed), "");
}

TEST_F(CudaDeviceFaultTest, AModelNamesIt) {
  const Autoencoder model = MakeTinyModel(at::kBFloat16, std::nullopt, at::kCUDA);
  const PackedPatches patches =
      PackPatches({RandomImage(model.config(), 4, 4, 1)}, {.dtype = model.dtype(), .device = model.device()});
  model.Encode(patches);  // captured
  EXPECT_EXIT(BreakDeviceThenRun([&] { model.Encode(patches); }), testing::ExitedWithCode(kNamed), "");
  EXPECT_EXIT(BreakDeviceThenRun([&] {
                model.Decode({at::empty({16, 16}, patches.patches_TD.options()), patches.layout});
              }),
              testing::ExitedWithCode(kNamed), "")
      << "while a graph is captured";
}

}  // namespace
}  // namespace vitok
#endif
