#include "tests/bench/engine_cases.h"

#include <numeric>

namespace vitok {
namespace {

constexpr char k350M[] = "Ld4-L/1x16x64";
constexpr char k5B[] = "Td4-T/1x16x64";
constexpr char k5BF32[] = "Td4-T/1x32x256";

std::vector<int64_t> Equal(int64_t images, int64_t tokens) { return std::vector<int64_t>(images, tokens); }

// 300 images of 64 to 1023 tokens, the same in every run.
std::vector<int64_t> Mix() {
  std::vector<int64_t> lengths(300);
  uint32_t state = 7;
  for (int64_t& length : lengths) {
    state = state * 1664525u + 1013904223u;
    length = 64 + (state >> 16) % 960;
  }
  return lengths;
}

// What `vitok bench --sizes 256:0.5,512:0.3,1024x768:0.2` sends, to compare a server with the engine alone.
std::vector<int64_t> ServerMix() {
  std::vector<int64_t> lengths;
  for (int i = 0; i < 10; ++i) lengths.insert(lengths.end(), {256, 256, 256, 256, 256, 1024, 1024, 1024, 3072, 3072});
  return lengths;
}

// Query and key pairs of one image.
double Pairs(double tokens, std::optional<int64_t> window) {
  if (!window.has_value() || static_cast<double>(*window) >= tokens - 1) return tokens * tokens;
  const auto reach = static_cast<double>(*window);
  return tokens * (2 * reach + 1) - reach * (reach + 1);
}

void AddTower(const TowerConfig& tower, double values_in, double values_out, double tokens, double pairs,
              EngineFlops* flops) {
  const auto width = static_cast<double>(tower.width);
  const auto depth = static_cast<double>(tower.depth);
  const double block = width * (4 * width + 3 * static_cast<double>(tower.mlp_hidden));
  flops->linear += 2 * tokens * (depth * block + width * (values_in + values_out));
  flops->attention += 4 * width * depth * pairs;
}

}  // namespace

std::vector<EngineCase> EngineCases() {
  return {
      {"350M-256x500", k350M, Equal(500, 256), {}, {0.586, 0.522}, {0.34, 0.25}},
      {"350M-512x128", k350M, Equal(128, 1024), {}, {2.53, 2.257}, {0, 1.35}},
      {"350M-mix300", k350M, Mix(), {}, {2.71, 0}, {0.78, 0.60}},
      {"350M-mix100", k350M, ServerMix(), {}, {}, {}},
      {"350M-1024x16", k350M, Equal(16, 4096), {}, {13.4, 12.2}, {9.5, 7.8}},
      {"350M-2048x4", k350M, Equal(4, 16384), {}, {104.8, 99.6}, {85, 75}},
      {"350M-2048x4-w512", k350M, Equal(4, 16384), 512, {}, {26, 20}},
      {"350M-4096x1", k350M, Equal(1, 65536), {}, {0, 1233}, {1150, 1000}},
      {"350M-8192x1-w512", k350M, Equal(1, 262144), 512, {}, {}},
      {"350M-256x1", k350M, Equal(1, 256), {}, {1.83, 0}, {0.55, 0}},
      {"350M-256x4", k350M, Equal(4, 256), {}, {}, {}},
      {"350M-256x8", k350M, Equal(8, 256), {}, {}, {}},
      {"350M-512x1", k350M, Equal(1, 1024), {}, {}, {}},
      {"350M-mix3", k350M, {200, 150, 90}, {}, {}, {}},
      {"5B-256x64", k5B, Equal(64, 256), {}, {4.46, 2.84}, {3.8, 2.3}},
      {"5B-1024x4", k5B, Equal(4, 4096), {}, {0, 60.1}, {0, 48}},
      {"5B-f32-256x64", k5BF32, Equal(64, 64), {}, {0, 0.779}, {0, 0.62}},
  };
}

EngineFlops CountFlops(const AutoencoderConfig& config, const EngineCase& engine_case) {
  const auto tokens =
      static_cast<double>(std::accumulate(engine_case.lengths.begin(), engine_case.lengths.end(), int64_t{0}));
  double pairs = 0;
  for (const int64_t length : engine_case.lengths) pairs += Pairs(static_cast<double>(length), engine_case.window);
  const auto patch = static_cast<double>(config.patch_values());
  const auto latent = static_cast<double>(config.latent_channels);
  EngineFlops flops;
  AddTower(config.encoder, patch, latent, tokens, pairs, &flops);
  AddTower(config.decoder, latent, patch, tokens, pairs, &flops);
  return flops;
}

}  // namespace vitok
