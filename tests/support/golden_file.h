// Reading of golden files: JSON descriptions and the tensors beside them.
#pragma once

#include <ATen/ATen.h>

#include <filesystem>
#include <map>
#include <string>

#include <nlohmann/json.hpp>

namespace vitok {

// Throws std::runtime_error naming the file if it cannot be read or parsed: a golden file that is broken fails its
// test.
nlohmann::json ReadJson(const std::filesystem::path& path);

// All tensors of a safetensors file, copied to memory of their own.
std::map<std::string, at::Tensor> ReadTensors(const std::filesystem::path& path);

}  // namespace vitok
