// Registers one GoogleTest for every autoencoder and module case of models/manifest.json.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>

#include "tests/golden/ae_golden.h"
#include "tests/golden/golden_suites.h"
#include "tests/support/golden_file.h"

namespace vitok::golden {
namespace {

class ModelGolden : public testing::Test {
 public:
  explicit ModelGolden(std::function<void()> body) : body_(std::move(body)) {}
  void TestBody() override { body_(); }

 private:
  std::function<void()> body_;
};

}  // namespace

void RegisterModelGoldens(const std::filesystem::path& folder, at::Device device, Coverage& coverage) {
  if (!std::filesystem::exists(folder / "manifest.json")) return;
  using Check = std::function<void(const ModelGoldens&, const nlohmann::json&)>;
  const nlohmann::json manifest = ReadJson(folder / "manifest.json");
  std::map<std::string, nlohmann::json> entries;
  for (const nlohmann::json& entry : manifest.at("cases")) entries[entry.at("id").get<std::string>()] = entry;
  const Check check_bf16 = [entries](const ModelGoldens& goldens, const nlohmann::json& entry) {
    CheckAutoencoderBf16(goldens, entry, entries.at(goldens.Json(entry).at("base_case").get<std::string>()));
  };
  const std::map<std::string, Check> checks = {
      {"ae", CheckAutoencoder}, {"ae_quirk", CheckAutoencoder}, {"ae_bf16", check_bf16},
      {"ae_trace", CheckTrace}, {"norms", CheckNorms},          {"rope", CheckRope},
      {"swiglu", CheckSwiGlu},
  };
  for (const auto& [id, entry] : entries) {
    const std::string kind = entry.at("kind").get<std::string>();
    const auto check = checks.find(kind);
    if (check == checks.end()) {
      coverage.AddUncovered("models " + kind);
      continue;
    }
    const auto body = [goldens = ModelGoldens{folder, device}, entry = entry, run = check->second] {
      run(goldens, entry);
    };
    testing::RegisterTest("Models", id.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                          [body]() -> testing::Test* { return new ModelGolden(body); });
  }
}

}  // namespace vitok::golden
