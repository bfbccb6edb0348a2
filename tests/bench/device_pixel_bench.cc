// Times what a batch of pictures costs beside its model on a device: the kernels between bytes and patches, the copies
// between host and device, and all of it together as AutoencoderTokenizer::Submit does it, with the model left out. A
// line of JSON a case: medians; GB/s count bytes read and written.
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/model/batch_staging.h"
#include "core/model/device.h"
#include "core/model/device_transfer.h"
#include "core/model/submitted_batch.h"
#include "core/ops/pixel_patches.h"
#include "nlohmann/json.hpp"

namespace vitok {
namespace {

constexpr int64_t kPatchPx = 16;
constexpr int64_t kPatchValues = 3 * kPatchPx * kPatchPx;

struct Case {
  int64_t height_px = 0, width_px = 0, images = 0;
};

absl::StatusOr<Case> ParseCase(const std::string& text) {
  Case parsed;
  char tail = 0;
  if (std::sscanf(text.c_str(), "%ldx%ldx%ld%c", &parsed.height_px, &parsed.width_px, &parsed.images, &tail) != 3 ||
      std::min({parsed.height_px, parsed.width_px, parsed.images}) < 1) {
    return absl::InvalidArgumentError(StrCat("case must be HEIGHTxWIDTHxIMAGES; was '", text, "'"));
  }
  return parsed;
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<int64_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

class Bench {
 public:
  Bench(at::Device device, int repeats, int copy_threads)
      : device_(device),
        repeats_(repeats),
        transfer_(device),
        copy_threads_(copy_threads == 0 ? nullptr : std::make_unique<ThreadPool>("copy", copy_threads)) {}

  // GB/s of a copy within the device, and of copies of the size of a batch over its bus.
  nlohmann::json Copies(int64_t bytes) {
    const at::TensorOptions options(at::kByte);
    const at::Tensor from = at::randint(256, {bytes}, options.device(device_)), to = at::empty_like(from);
    const at::Tensor large = at::empty({int64_t{1} << 29}, options.device(device_)), large_to = at::empty_like(large);
    const bool pinned = !device_.is_cpu();
    const at::Tensor in = at::empty({bytes}, options.pinned_memory(pinned)),
                     out = at::empty_like(in, options.pinned_memory(pinned));
    return {{"device_copy_gb_s", GigabytesPerSecond(2 * large.numel(), [&] { large_to.copy_(large); })},
            {"host_to_device_gb_s", GigabytesPerSecond(bytes, [&] { to.copy_(in, true); })},
            {"device_to_host_gb_s", GigabytesPerSecond(bytes, [&] { out.copy_(from, true); })}};
  }

  nlohmann::json Run(const Case& size, at::ScalarType dtype) {
    std::vector<TokenizerItem> items;
    for (int64_t i = 0; i < size.images; ++i) {
      items.push_back(
          {PixelImage{at::randint(256, {size.height_px, size.width_px, 3}, at::kByte)}, OutputForm::kPicture});
    }
    const BatchStaging staging(items, {.patch_px = kPatchPx, .token_values = kPatchValues, .dtype = dtype});
    DeviceTransfer::Upload upload = transfer_.BeginUpload(staging.block_bytes());
    staging.Fill(upload.host(), copy_threads_.get());
    const at::Tensor block_B = upload.Send(staging.filled_bytes());
    TokenLayout layout = staging.Layout(block_B);
    const at::Tensor patches_TD = staging.Pack(block_B, layout);
    const int64_t bytes = size.height_px * size.width_px * 3 * size.images + static_cast<int64_t>(patches_TD.nbytes());
    const double to_patches = GigabytesPerSecond(bytes, [&] { staging.Pack(block_B, layout); });
    at::Tensor pictures_B = at::empty({staging.picture_bytes()}, block_B.options());
    at::Tensor finite_I = at::empty({size.images}, block_B.options().dtype(at::kBool));
    const double to_bytes = GigabytesPerSecond(bytes, [&] {
      PatchesToBytes(patches_TD, layout.row_T, layout.col_T, staging.OutputSpans(block_B), kPatchPx, pictures_B,
                     finite_I);
    });
    nlohmann::json line = Sustained(items, dtype);
    line.update({{"height_px", size.height_px},
                 {"width_px", size.width_px},
                 {"images", size.images},
                 {"dtype", c10::toString(dtype)},
                 {"to_patches_gb_s", to_patches},
                 {"to_bytes_gb_s", to_bytes}});
    line.update(Copies(staging.filled_bytes()));
    return line;
  }

 private:
  double GigabytesPerSecond(int64_t bytes, const std::function<void()>& work) {
    std::vector<double> rates;
    for (int i = 0; i < repeats_ + 2; ++i) {
      const DeviceEvent begin = transfer_.RecordCompute();
      work();
      const DeviceEvent end = transfer_.RecordCompute();
      end.Wait();
      if (i >= 2) rates.push_back(static_cast<double>(bytes) / absl::ToDoubleNanoseconds(end.Since(begin)));
    }
    return Median(rates);
  }

  std::unique_ptr<PendingBatch> Submit(const std::vector<TokenizerItem>& items, at::ScalarType dtype,
                                       absl::Duration& filling) {
    const BatchStaging staging(items, {.patch_px = kPatchPx, .token_values = kPatchValues, .dtype = dtype});
    SubmittedBatch::Results results;
    DeviceTransfer::Upload upload = transfer_.BeginUpload(staging.block_bytes());
    const absl::Time start = absl::Now();
    staging.Fill(upload.host(), copy_threads_.get());
    filling += absl::Now() - start;
    results.upload_begin = transfer_.RecordUpload();
    const at::Tensor block_B = upload.Send(staging.filled_bytes());
    results.upload_end = transfer_.RecordUpload();
    results.compute_begin = transfer_.RecordCompute();
    TokenLayout layout = staging.Layout(block_B);
    results.patches = staging.Pack(block_B, layout);
    const auto images = static_cast<int64_t>(items.size());
    results.pictures = at::empty({staging.picture_bytes() + images}, block_B.options());
    at::Tensor bytes_B = results.pictures.narrow(0, 0, staging.picture_bytes());
    at::Tensor finite_I = results.pictures.narrow(0, staging.picture_bytes(), images).view(at::kBool);
    PatchesToBytes(results.patches, layout.row_T, layout.col_T, staging.OutputSpans(block_B), kPatchPx, bytes_B,
                   finite_I);
    return std::make_unique<SubmittedBatch>(std::move(results), staging.Outputs(), transfer_);
  }

  // Batches one after the other, of which two are under way.
  nlohmann::json Sustained(const std::vector<TokenizerItem>& items, at::ScalarType dtype) {
    std::unique_ptr<PendingBatch> pending;
    absl::Duration filling, submitting, waiting;
    absl::Time start;
    BatchTimes times;
    bool same = true;
    for (int i = -4; i < repeats_; ++i) {
      if (i == 0) {
        start = absl::Now();
        filling = submitting = waiting = absl::ZeroDuration();
      }
      const absl::Time begin = absl::Now();
      std::unique_ptr<PendingBatch> next = Submit(items, dtype, filling);
      const absl::Time submitted = absl::Now();
      if (pending != nullptr) {
        const std::vector<TokenizerOutput> outputs = *pending->Wait(times);
        if (i == -2) same = SamePictures(items, outputs);
      }
      submitting += submitted - begin;
      waiting += absl::Now() - submitted;
      pending = std::move(next);
    }
    pending->Wait(times).IgnoreError();
    const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
    const auto each_ms = [this](absl::Duration time) { return absl::ToDoubleMilliseconds(time) / repeats_; };
    return {{"images_per_s", static_cast<double>(items.size()) * repeats_ / seconds},
            {"batch_ms", seconds * 1000 / repeats_},
            {"fill_ms", each_ms(filling)},
            {"submit_ms", each_ms(submitting)},
            {"wait_ms", each_ms(waiting)},
            {"pictures_come_back", same}};
  }

  // To one level: in bfloat16 a value can lie half a level off.
  static bool SamePictures(const std::vector<TokenizerItem>& items, const std::vector<TokenizerOutput>& outputs) {
    for (size_t i = 0; i < items.size(); i += 1 + items.size() / 8) {
      const at::Tensor in = std::get<PixelImage>(items[i].input).pixels_HW3.to(at::kShort);
      const at::Tensor out = std::get<DecodedPicture>(outputs[i]).pixels_HW3.to(at::kShort);
      if (!std::get<DecodedPicture>(outputs[i]).finite || (in - out).abs().max().item<int64_t>() > 1) return false;
    }
    return true;
  }

  const at::Device device_;
  const int repeats_;
  DeviceTransfer transfer_;
  const std::unique_ptr<ThreadPool> copy_threads_;
};

absl::Status Run(const std::string& device_name, const std::vector<std::string>& cases, int repeats, int copy_threads) {
  VITOK_ASSIGN_OR_RETURN(const at::Device device, ParseDevice(device_name));
  Bench bench(device, repeats, copy_threads);
  for (const std::string& text : cases) {
    VITOK_ASSIGN_OR_RETURN(const Case size, ParseCase(text));
    for (const at::ScalarType dtype : {at::kBFloat16, at::kFloat}) std::cout << bench.Run(size, dtype) << std::endl;
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace vitok

int main(int argc, char** argv) {
  CLI::App app("Times the kernels and copies that bring pictures to a device and back");
  std::string device = "cuda";
  std::vector<std::string> cases = {"256x256x500", "1024x1024x16", "683x1023x64"};
  int repeats = 20;
  int copy_threads = 3;
  app.add_option("--device", device, "cpu, cuda or cuda:N")->capture_default_str();
  app.add_option("--cases", cases, "HEIGHTxWIDTHxIMAGES, px")->capture_default_str();
  app.add_option("--repeats", repeats, "of each")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--copy-threads", copy_threads, "that fill the block besides the one that submits")
      ->capture_default_str()
      ->check(CLI::Range(0, 64));
  CLI11_PARSE(app, argc, argv);
  const c10::InferenceMode inference_mode;
  if (const absl::Status status = vitok::Run(device, cases, repeats, copy_threads); !status.ok()) {
    std::cerr << "device_pixel_bench: " << status << "\n";
    return 1;
  }
  return 0;
}
