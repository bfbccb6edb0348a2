// Times Reconstruct of a photo in-process on the CPU. Every line "HEIGHT WIDTH" on standard input runs one
// reconstruction of the photo repeated or cut to that size and answers with one line of JSON, so that bench_cpu.py can
// interleave it with its baseline in one run. The input and output patches (float32 [N, D], raw) are left in files for
// the comparison.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/image/codec.h"
#include "core/image/preprocessor.h"
#include "core/model/load_autoencoder.h"

namespace vitok {
namespace {

struct Options {
  LoadOptions load;
  std::string photo;
  std::string patches_path;
  std::string result_path;
};

RgbImage TileTo(const RgbImage& photo, int32_t height_px, int32_t width_px) {
  RgbImage tiled(height_px, width_px);
  for (int32_t y = 0; y < height_px; ++y) {
    for (int32_t x = 0; x < width_px; ++x) {
      const size_t source = (static_cast<size_t>(y % photo.height_px) * photo.width_px + x % photo.width_px) * 3;
      std::copy_n(&photo.pixels_HWC[source], 3, &tiled.pixels_HWC[(static_cast<size_t>(y) * width_px + x) * 3]);
    }
  }
  return tiled;
}

void WriteFloats(const std::string& path, const at::Tensor& values) {
  const at::Tensor floats = values.to(at::kFloat).contiguous();
  std::ofstream(path, std::ios::binary)
      .write(static_cast<const char*>(floats.const_data_ptr()), static_cast<std::streamsize>(floats.nbytes()));
}

absl::Status Run(const Options& options) {
  VITOK_ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer, LoadAutoencoder(options.load));
  const std::string spec = StrCat("to_tensor|normalize|patchify(", tokenizer->info().patch_px, ", 1000000)");
  VITOK_ASSIGN_OR_RETURN(const Preprocessor preprocessor, Preprocessor::Parse(spec));
  std::ifstream file(options.photo, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  VITOK_ASSIGN_OR_RETURN(const RgbImage photo, DecodeImage(bytes));
  int32_t height_px = 0;
  int32_t width_px = 0;
  while (std::cin >> height_px >> width_px) {
    VITOK_ASSIGN_OR_RETURN(const PatchSequence input, preprocessor.Run(TileTo(photo, height_px, width_px)));
    c10::InferenceMode inference;
    BatchTimes times;
    const auto start = std::chrono::steady_clock::now();
    const TokenizerItem item = {input, OutputForm::kPatches};
    VITOK_ASSIGN_OR_RETURN(const std::vector<TokenizerOutput> result, tokenizer->Run({&item, 1}, times));
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    WriteFloats(options.patches_path, input.patches_ND);
    WriteFloats(options.result_path, std::get<PatchSequence>(result.front()).patches_ND);
    std::cout << "{\"tokens\": " << input.patches_ND.size(0) << ", \"seconds\": " << elapsed.count() << "}"
              << std::endl;
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace vitok

int main(int argc, char** argv) {
  CLI::App app("Times Reconstruct of a photo in-process; reads \"HEIGHT WIDTH\" lines from standard input");
  vitok::Options options;
  int threads = 2;
  std::string dtype = "float32";
  app.add_option("--model", options.load.folder, "model folder")->required();
  app.add_option("--photo", options.photo, "picture file")->required();
  app.add_option("--dtype", dtype, "float32, bfloat16 or fp8")->check(CLI::IsMember({"float32", "bfloat16", "fp8"}));
  app.add_option("--device", options.load.device, "cpu, cuda or cuda:N")->capture_default_str();
  app.add_option("--threads", threads, "ATen threads")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--patches", options.patches_path, "file for the input patches")->required();
  app.add_option("--result", options.result_path, "file for the result patches")->required();
  CLI11_PARSE(app, argc, argv);
  options.load.precision = *vitok::ParsePrecision(dtype);
  at::set_num_threads(threads);
  if (const absl::Status status = vitok::Run(options); !status.ok()) {
    std::cerr << status << "\n";
    return 1;
  }
  return 0;
}
