// Times the ways between an 8-bit picture and its patches, in turn with the same operations of ATen one after the other
// on one thread, for three sizes. A line of JSON a size: medians in microseconds.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <iostream>
#include <vector>

#include "core/base/status_macros.h"
#include "core/image/postprocess.h"
#include "core/image/transforms.h"
#include "core/model/pixel_sequences.h"
#include "nlohmann/json.hpp"

namespace vitok {
namespace {

constexpr PatchifyOp kPatchify = {.patch_px = 16, .max_tokens = kMaxTokens};

// The middle of several times.
class Median {
 public:
  template <typename Function>
  void Time(const Function& function) {
    const auto start = std::chrono::steady_clock::now();
    function();
    times_us_.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
  }

  double us() {
    const auto middle = times_us_.begin() + static_cast<int64_t>(times_us_.size() / 2);
    std::nth_element(times_us_.begin(), middle, times_us_.end());
    return *middle;
  }

 private:
  std::vector<double> times_us_;
};

absl::Status Run(int32_t side_px, int repeats) {
  RgbImage image(side_px, side_px);
  const at::Tensor bytes = at::randint(256, {static_cast<int64_t>(image.pixels_HWC.size())}, at::kByte);
  std::copy_n(bytes.const_data_ptr<uint8_t>(), image.pixels_HWC.size(), image.pixels_HWC.begin());
  VITOK_ASSIGN_OR_RETURN(const PatchSequence patches, PatchifyImage({}, kPatchify, image));
  Median in_aten, in_ours, out_aten, out_ours;
  bool finite = true;
  for (int i = 0; i < repeats; ++i) {
    in_aten.Time([&] { PatchifyTensor(kPatchify, NormalizeTensor({}, ImageToTensor(image))).IgnoreError(); });
    in_ours.Time([&] { PatchifyImage({}, kPatchify, image).IgnoreError(); });
    out_aten.Time([&] {
      finite &= patches.patches_ND.isfinite().all().item<bool>();
      const at::Tensor pixels_3HW = *PatchesToPixels(patches, kPatchify.patch_px);
      ConvertPixelRange(pixels_3HW, PixelRange::kMinusOneToOne, PixelRange::kZeroTo255).permute({1, 2, 0}).contiguous();
    });
    out_ours.Time([&] { ToPicture(patches, kPatchify.patch_px); });
  }
  std::cout << nlohmann::json{{"side_px", side_px},
                              {"to_patches_aten_us", in_aten.us()},
                              {"to_patches_us", in_ours.us()},
                              {"to_bytes_aten_us", out_aten.us()},
                              {"to_bytes_us", out_ours.us()}}
            << std::endl;
  return absl::OkStatus();
}

}  // namespace
}  // namespace vitok

int main(int argc, char** argv) {
  CLI::App app("Times the ways between pictures and patches, beside the operations of ATen");
  int repeats = 51;
  app.add_option("--repeats", repeats, "of each way")->capture_default_str()->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  const c10::InferenceMode inference_mode;
  at::set_num_threads(1);
  for (const int32_t side_px : {256, 1024, 4096}) {
    if (const absl::Status status = vitok::Run(side_px, repeats); !status.ok()) {
      std::cerr << "pixel_bench: " << status << "\n";
      return 1;
    }
  }
  return 0;
}
