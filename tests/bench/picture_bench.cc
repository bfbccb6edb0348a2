// Times the way of picture files to patches, and resampling alone. Lines on standard input say what to do next and are
// answered with one line of JSON each, so that bench_pictures.py can take turns with Pillow in one run:
//   pipeline              decodes all files and runs the pipeline on them, on all threads
//   resample FILTER W H   resizes the first file's pixels to W x H on one thread; the decoding does not count
// The patches (float32 [N, D], raw) or pixels of the first file are left in a file for the comparison.
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/base/thread_pool.h"
#include "core/image/codec.h"
#include "core/image/preprocessor.h"
#include "core/image/resample.h"

namespace vitok {
namespace {

struct Options {
  std::vector<std::string> files;
  std::string pipeline;
  std::string result_path;
  int threads = 2;
};

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void WriteFile(const std::string& path, const void* data, size_t size) {
  std::ofstream(path, std::ios::binary).write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
}

absl::StatusOr<PatchSequence> ReadPatches(const std::string& path, const Preprocessor& preprocessor) {
  const c10::InferenceMode inference_mode;
  VITOK_ASSIGN_OR_RETURN(const RgbImage image, DecodeImage(ReadFile(path)));
  return preprocessor.Run(image);
}

absl::Status RunPipeline(const Options& options, const Preprocessor& preprocessor, ThreadPool& pool) {
  std::vector<absl::StatusOr<PatchSequence>> results(options.files.size());
  const auto start = Clock::now();
  absl::BlockingCounter left(static_cast<int>(results.size()));
  for (size_t i = 0; i < results.size(); ++i) {
    pool.Schedule([&, i] {
      results[i] = ReadPatches(options.files[i], preprocessor);
      left.DecrementCount();
    });
  }
  left.Wait();
  const double seconds = SecondsSince(start);
  for (const auto& result : results) VITOK_RETURN_IF_ERROR(result.status());
  const at::Tensor& patches_ND = results.front()->patches_ND;
  WriteFile(options.result_path, patches_ND.const_data_ptr(), patches_ND.nbytes());
  std::cout << "{\"seconds\": " << seconds << "}" << std::endl;
  return absl::OkStatus();
}

absl::Status RunResample(const Options& options, const RgbImage& image, std::istream& arguments) {
  const std::map<std::string, ResampleFilter> filters = {{"box", ResampleFilter::kBox},
                                                         {"bilinear", ResampleFilter::kBilinear},
                                                         {"bicubic", ResampleFilter::kBicubic},
                                                         {"lanczos", ResampleFilter::kLanczos}};
  std::string filter;
  int32_t width_px = 0, height_px = 0;
  if (!(arguments >> filter >> width_px >> height_px) || !filters.contains(filter) || width_px < 1 || height_px < 1) {
    return absl::InvalidArgumentError("resample takes a filter, a width and a height");
  }
  const auto start = Clock::now();
  const RgbImage resized = Resample(image, filters.at(filter), height_px, width_px);
  const double seconds = SecondsSince(start);
  WriteFile(options.result_path, resized.pixels_HWC.data(), resized.pixels_HWC.size());
  std::cout << "{\"seconds\": " << seconds << "}" << std::endl;
  return absl::OkStatus();
}

absl::Status Run(const Options& options) {
  VITOK_ASSIGN_OR_RETURN(const Preprocessor preprocessor, Preprocessor::Parse(options.pipeline));
  VITOK_ASSIGN_OR_RETURN(const RgbImage image, DecodeImage(ReadFile(options.files.front())));
  ThreadPool pool("picture", options.threads);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "pipeline") {
      VITOK_RETURN_IF_ERROR(RunPipeline(options, preprocessor, pool));
    } else if (command == "resample") {
      VITOK_RETURN_IF_ERROR(RunResample(options, image, words));
    } else {
      return absl::InvalidArgumentError(StrCat("unknown command '", command, "'"));
    }
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace vitok

int main(int argc, char** argv) {
  CLI::App app("Times the way of picture files to patches; reads what to do from standard input");
  vitok::Options options;
  app.add_option("files", options.files, "picture files")->required();
  app.add_option("--pipeline", options.pipeline, "preprocessing, up to patchify")->required();
  app.add_option("--result", options.result_path, "file for the patches or pixels of the first picture")->required();
  app.add_option("--threads", options.threads, "pictures at once")->capture_default_str()->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  at::set_num_threads(1);
  if (const absl::Status status = vitok::Run(options); !status.ok()) {
    std::cerr << "picture_bench: " << status << "\n";
    return 1;
  }
  return 0;
}
