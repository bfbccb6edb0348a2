// vitok-engine-bench: times the autoencoder, encode + decode with random weights, on a GPU by CUDA events. Patches are
// packed and on the device, so this is the engine alone: no pictures, no transfers, no server.
//
// A line of JSON a case, a table at the end. What is measured and how: docs/PERFORMANCE.md.
#include <ATen/ATen.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/core/InferenceMode.h>
#include <c10/cuda/CUDACachingAllocator.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

#include "core/base/log.h"
#include "core/base/precision.h"
#include "core/base/status_macros.h"
#include "core/model/autoencoder.h"
#include "core/model/weight_names.h"
#include "core/ops/attention_stats.h"
#include "nlohmann/json.hpp"
#include "tests/bench/cuda_timer.h"
#include "tests/bench/engine_cases.h"
#include "tests/bench/kernel_times.h"

namespace vitok {
namespace {

struct Options {
  std::vector<std::string> cases;  // empty: all
  std::string dtype = "bfloat16";
  double seconds = 1.0;  // of measuring a case
  int repeats = 5;       // at least
  bool per_op = false;
  bool graphs = true;
};

struct Result {
  const EngineCase* engine_case = nullptr;
  std::string error;
  double ms_per_image = 0;
  double tflops = 0;
  double share = 0;  // of the ceiling
  double peak_gb = 0;
};

constexpr double kGiga = 1e9;
constexpr double kTera = 1e12;

at::TensorOptions OnGpu(at::ScalarType dtype) { return at::TensorOptions().device(at::kCUDA).dtype(dtype); }

// TFLOP/s of a product of 8192³ in the dtype: what this card can do today.
double MeasureCeiling(const std::string& dtype) {
  constexpr int64_t kSide = 8192;
  constexpr double kFlops = 2.0 * kSide * kSide * kSide;
  const at::Tensor a = at::randn({kSide, kSide}, OnGpu(at::kBFloat16));
  const at::Tensor b = at::randn({kSide, kSide}, OnGpu(at::kBFloat16));
  double ms = 0;
  if (dtype == "fp8") {
    const at::Tensor a8 = a.to(at::kFloat8_e4m3fn), b8 = b.to(at::kFloat8_e4m3fn);
    const at::Tensor scale_a = at::ones({kSide, 1}, OnGpu(at::kFloat)),
                     scale_b = at::ones({1, kSide}, OnGpu(at::kFloat));
    at::Tensor out = at::empty({kSide, kSide}, OnGpu(at::kBFloat16));
    ms = MedianMs(
        [&] { at::_scaled_mm_out(out, a8, b8.t(), scale_a, scale_b, {}, {}, at::kBFloat16, /*use_fast_accum=*/true); },
        20, 0);
  } else {
    at::Tensor out = at::empty_like(a);
    ms = MedianMs([&] { at::mm_out(out, a, b.t()); }, 20, 0);
  }
  return kFlops / ms * 1e3 / kTera;
}

// Weights made on the GPU, of a size that keeps activations near 1.
WeightMap RandomWeights(const AutoencoderConfig& config) {
  ShapeMap shapes = WeightShapes(config, AutoencoderHalf::kEncoder);
  shapes.merge(WeightShapes(config, AutoencoderHalf::kDecoder));
  WeightMap weights;
  for (const auto& [name, shape] : shapes) {
    at::Tensor weight = at::randn(shape, OnGpu(at::kBFloat16));
    const bool matrix = shape.size() == 2;
    matrix ? weight.div_(std::sqrt(static_cast<double>(shape[1]))) : weight.mul_(0.2).add_(0.5);
    weights[name] = weight;
  }
  return weights;
}

PackedPatches RandomPatches(const AutoencoderConfig& config, const std::vector<int64_t>& lengths) {
  PackedPatches patches;
  std::vector<int32_t> rows, cols, cu = {0};
  patches.layout.offsets = {0};
  for (const int64_t length : lengths) {
    const auto side = static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(length))));
    for (int64_t i = 0; i < length; ++i) {
      rows.push_back(static_cast<int32_t>(i / side));
      cols.push_back(static_cast<int32_t>(i % side));
    }
    patches.layout.offsets.push_back(patches.layout.offsets.back() + length);
    cu.push_back(static_cast<int32_t>(patches.layout.offsets.back()));
    patches.layout.max_image_tokens = std::max(patches.layout.max_image_tokens, static_cast<int32_t>(length));
  }
  const auto to_gpu = [](const std::vector<int32_t>& values) { return at::tensor(values, at::kInt).to(at::kCUDA); };
  patches.layout.row_T = to_gpu(rows);
  patches.layout.col_T = to_gpu(cols);
  patches.layout.cu_I1 = to_gpu(cu);
  patches.layout.images.resize(lengths.size());
  patches.patches_TD = at::rand({patches.layout.num_tokens(), config.patch_values()}, OnGpu(at::kBFloat16)) * 2 - 1;
  return patches;
}

double PeakGb() {
  const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(at::cuda::current_device());
  constexpr auto kAll = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  return static_cast<double>(stats.allocated_bytes[kAll].peak) / kGiga;
}

void PrintKernels(const std::vector<KernelTime>& kernels) {
  constexpr size_t kMostKernels = 20;
  const double total_ms = std::accumulate(kernels.begin(), kernels.end(), 0.0,
                                          [](double sum, const KernelTime& kernel) { return sum + kernel.ms; });
  for (size_t i = 0; i < std::min(kernels.size(), kMostKernels); ++i) {
    std::fprintf(stderr, "  %8.3f ms %5.1f %% %5lld x %.110s\n", kernels[i].ms, 100 * kernels[i].ms / total_ms,
                 static_cast<long long>(kernels[i].launches), kernels[i].name.c_str());
  }
}

absl::Status RunCase(const EngineCase& engine_case, const Options& options, double ceiling, Result* result) {
  VITOK_ASSIGN_OR_RETURN(AutoencoderConfig config, AutoencoderConfig::FromVariant(engine_case.variant));
  config.sliding_window = engine_case.window;
  VITOK_ASSIGN_OR_RETURN(Autoencoder model,
                         Autoencoder::Create(config, RandomWeights(config), *ParsePrecision(options.dtype), at::kCUDA));
  if (!options.graphs) model.DisableGraphs();
  const PackedPatches patches = RandomPatches(config, engine_case.lengths);
  c10::cuda::CUDACachingAllocator::emptyCache();
  c10::cuda::CUDACachingAllocator::resetPeakStats(at::cuda::current_device());
  const AttentionStats before = ReadAttentionStats();

  const auto round_trip = [&] { model.Decode(model.Encode(patches)); };
  const double ms = MedianMs(round_trip, options.repeats, options.seconds);
  const EngineFlops flops = CountFlops(config, engine_case);
  const auto images = static_cast<double>(engine_case.lengths.size());
  result->ms_per_image = ms / images;
  result->tflops = flops.total() / ms * 1e3 / kTera;
  result->share = result->tflops / ceiling;
  result->peak_gb = PeakGb();

  const AttentionStats after = ReadAttentionStats();
  nlohmann::json line = {{"case", engine_case.name},
                         {"dtype", options.dtype},
                         {"graphs", options.graphs},
                         {"images", engine_case.lengths.size()},
                         {"tokens", patches.layout.num_tokens()},
                         {"window", engine_case.window.value_or(0)},
                         {"ms_per_image", result->ms_per_image},
                         {"batch_ms", ms},
                         {"tflops", result->tflops},
                         {"ceiling_tflops", ceiling},
                         {"share_of_ceiling", result->share},
                         {"linear_gflop_per_image", flops.linear / images / kGiga},
                         {"attention_gflop_per_image", flops.attention / images / kGiga},
                         {"peak_gb", result->peak_gb},
                         {"plans_built", after.plans - before.plans},
                         {"plan_build_seconds", after.build_seconds - before.build_seconds}};
  for (int path = 0; path < kNumAttentionPaths; ++path) {
    if (after.passes[path] > before.passes[path]) {
      line["attention"] = std::string(AttentionPathName(AttentionPath{static_cast<uint8_t>(path)}));
    }
  }
  if (options.per_op) {
    const std::vector<KernelTime> kernels = ProfileKernels(round_trip);
    for (const KernelTime& kernel : kernels) {
      line["kernels"].push_back({{"name", kernel.name}, {"launches", kernel.launches}, {"ms", kernel.ms}});
    }
    PrintKernels(kernels);
  }
  std::cout << line << std::endl;
  return absl::OkStatus();
}

Result TryCase(const EngineCase& engine_case, const Options& options, double ceiling) {
  Result result{.engine_case = &engine_case};
  try {
    if (const absl::Status status = RunCase(engine_case, options, ceiling, &result); !status.ok()) {
      result.error = std::string(status.message());
    }
  } catch (const c10::Error& error) {
    result.error = error.what_without_backtrace();
  }
  if (!result.error.empty()) {
    std::cout << nlohmann::json{{"case", engine_case.name}, {"dtype", options.dtype}, {"error", result.error}}
              << std::endl;
  }
  c10::cuda::CUDACachingAllocator::emptyCache();
  return result;
}

std::string Figure(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), value == 0 ? "-" : value < 10 ? "%.3f" : "%.1f", value);
  return text;
}

void PrintTable(const std::vector<Result>& results, const Options& options, double ceiling) {
  std::printf("\n%s, dtype %s, ceiling %.0f TFLOP/s (product of 8192³), medians by CUDA events\n\n",
              at::cuda::getCurrentDeviceProperties()->name, options.dtype.c_str(), ceiling);
  std::printf(
      "| case | ms an image | reference | target | TFLOP/s | of the ceiling | peak GB "
      "|\n|---|---|---|---|---|---|---|\n");
  for (const Result& result : results) {
    const auto figure = [&](const EngineFigure& of) {
      return Figure(options.dtype == "fp8" ? of.fp8 : options.dtype == "bfloat16" ? of.bfloat16 : 0);
    };
    if (!result.error.empty()) {
      std::printf("| %s | failed | | | | | |\n", result.engine_case->name.c_str());
      continue;
    }
    std::printf("| %s | %s | %s | %s | %.0f | %.0f %% | %.1f |\n", result.engine_case->name.c_str(),
                Figure(result.ms_per_image).c_str(), figure(result.engine_case->reference).c_str(),
                figure(result.engine_case->target).c_str(), result.tflops, 100 * result.share, result.peak_gb);
  }
}

int Run(const Options& options) {
  if (!at::hasCUDA()) {
    std::cerr << "vitok-engine-bench: no GPU on this machine\n";
    return 1;
  }
  const std::vector<EngineCase> cases = EngineCases();
  const double ceiling = MeasureCeiling(options.dtype);
  std::vector<Result> results;
  for (const EngineCase& engine_case : cases) {
    const bool chosen = options.cases.empty() ||
                        std::find(options.cases.begin(), options.cases.end(), engine_case.name) != options.cases.end();
    if (chosen) results.push_back(TryCase(engine_case, options, ceiling));
  }
  PrintTable(results, options, ceiling);
  return std::any_of(results.begin(), results.end(), [](const Result& result) { return !result.error.empty(); }) ? 1
                                                                                                                 : 0;
}

}  // namespace
}  // namespace vitok

int main(int argc, char** argv) {
  CLI::App app("Times encode + decode of ViTok autoencoders with random weights on a GPU");
  vitok::Options options;
  bool list = false;
  std::vector<std::string> names;
  for (const vitok::EngineCase& engine_case : vitok::EngineCases()) names.push_back(engine_case.name);
  app.add_option("--case", options.cases, "name of a case; may be repeated (default: all)")
      ->check(CLI::IsMember(names));
  app.add_option("--dtype", options.dtype, "what the blocks compute in")
      ->check(CLI::IsMember({"bfloat16", "fp8"}))
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "of measuring a case, at least")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--repeats", options.repeats, "of a case, at least")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--per-op", options.per_op, "also the times of the kernels of each case, on stderr and in the JSON");
  app.add_flag("!--no-graphs", options.graphs, "launch small batches kernel by kernel, too");
  app.add_flag("--list", list, "print the names of the cases");
  CLI11_PARSE(app, argc, argv);
  if (list) {
    for (const std::string& name : names) std::cout << name << "\n";
    return 0;
  }
  if (const absl::Status status = vitok::InitLogging({}); !status.ok()) {
    std::cerr << "vitok-engine-bench: " << status << "\n";
    return 1;
  }
  const c10::InferenceMode inference_mode;
  return vitok::Run(options);
}
