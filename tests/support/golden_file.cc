#include "tests/support/golden_file.h"

#include <fstream>
#include <memory>
#include <stdexcept>

#include "absl/status/statusor.h"
#include "core/weights/safetensors.h"
#include "core/weights/weight_map.h"

namespace vitok {

nlohmann::json ReadJson(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot open " + path.string());
  try {
    return nlohmann::json::parse(file);
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(path.string() + ": " + error.what());
  }
}

std::map<std::string, at::Tensor> ReadTensors(const std::filesystem::path& path) {
  const absl::StatusOr<std::unique_ptr<SafetensorsFile>> file = SafetensorsFile::Open(path.string());
  if (!file.ok()) throw std::runtime_error(std::string(file.status().message()));
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, view] : (*file)->tensors()) tensors.emplace(name, CopyToTensor(view));
  return tensors;
}

}  // namespace vitok
