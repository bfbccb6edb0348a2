// The suites of golden_test. Each Register function walks one manifest and registers one GoogleTest a case.
#pragma once

#include <c10/core/Device.h>

#include <filesystem>
#include <map>
#include <string>

namespace vitok::golden {

// Counts what a goldens folder holds and no suite tests.
class Coverage {
 public:
  void AddUncovered(const std::string& kind) { ++uncovered_[kind]; }

  // One line a kind: "not covered: dit (12 cases)".
  std::string Report() const {
    std::string report;
    for (const auto& [kind, count] : uncovered_) {
      report += "not covered: " + kind + " (" + std::to_string(count) + (count == 1 ? " case)\n" : " cases)\n");
    }
    return report;
  }

 private:
  std::map<std::string, int> uncovered_;
};

// manifest.json: autoencoder and module cases (kinds ae, ae_bf16, ae_quirk, ae_trace, norms, rope, swiglu),
// on a device.
void RegisterModelGoldens(const std::filesystem::path& folder, at::Device device, Coverage& coverage);
// variants.json: names, shapes and parameter counts of variants.
void RegisterVariantGoldens(const std::filesystem::path& folder, Coverage& coverage);
// index.json: decoding, preprocessing language, resampling, patching, postprocessing.
void RegisterImageGoldens(const std::filesystem::path& folder, Coverage& coverage);

}  // namespace vitok::golden
