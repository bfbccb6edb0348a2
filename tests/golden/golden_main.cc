// Golden tests: every case of the folder named by VITOK_GOLDENS becomes one GoogleTest, named after the case.
//
// The folder has the form of the reference goldens: models/manifest.json, models/variants.json, pp/index.json, each
// optional. Default: ../shared/goldens beside the repository if it is there, else tests/golden/data (a small copy).
// Kinds that nothing here covers are listed and fail nothing. Model cases run on the device named by
// VITOK_GOLDENS_DEVICE ("cuda:0"; default "cpu").
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "tests/golden/golden_suites.h"

namespace {

std::filesystem::path GoldensFolder() {
  if (const char* folder = std::getenv("VITOK_GOLDENS"); folder != nullptr && *folder != '\0') return folder;
  const std::filesystem::path source = VITOK_SOURCE_DIR;
  const std::filesystem::path shared = source / ".." / "shared" / "goldens";
  return std::filesystem::is_directory(shared) ? shared : source / "tests" / "golden" / "data";
}

// Throws c10::Error if VITOK_GOLDENS_DEVICE names no device.
at::Device GoldensDevice() {
  const char* name = std::getenv("VITOK_GOLDENS_DEVICE");
  return at::Device(name != nullptr && *name != '\0' ? name : "cpu");
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const std::filesystem::path root = GoldensFolder();
  if (!std::filesystem::is_directory(root)) {
    std::cerr << "no goldens folder at '" << root.string() << "' (VITOK_GOLDENS)\n";
    return 2;
  }
  vitok::golden::Coverage coverage;
  vitok::golden::RegisterModelGoldens(root / "models", GoldensDevice(), coverage);
  vitok::golden::RegisterVariantGoldens(root / "models", coverage);
  vitok::golden::RegisterImageGoldens(root / "pp", coverage);
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_directory() && name != "models" && name != "pp") coverage.AddUncovered("folder " + name);
  }
  if (!GTEST_FLAG_GET(list_tests)) std::cout << coverage.Report();
  return RUN_ALL_TESTS();
}
