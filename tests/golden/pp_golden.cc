// Registers one GoogleTest for every case of pp/index.json, and one for each table of sizes or filter taps beside it.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>

#include "tests/golden/golden_suites.h"
#include "tests/golden/pp_case.h"
#include "tests/golden/pp_tables.h"
#include "tests/support/golden_file.h"

namespace vitok::golden {
namespace {

class ImageGolden : public testing::Test {
 public:
  explicit ImageGolden(std::function<void()> body) : body_(std::move(body)) {}
  void TestBody() override { body_(); }

 private:
  std::function<void()> body_;
};

void Register(const std::string& name, std::function<void()> body) {
  testing::RegisterTest("Images", name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                        [body = std::move(body)]() -> testing::Test* { return new ImageGolden(body); });
}

// The files beside the index, a test for each.
void RegisterTables(const std::filesystem::path& folder, Coverage& coverage) {
  const auto checks = TableChecks();
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string file = entry.path().filename().string();
    if (!entry.is_regular_file() || file == "index.json" || file == "README.md") continue;
    const auto check = checks.find(file);
    if (check == checks.end()) {
      coverage.AddUncovered("pp " + file);
      continue;
    }
    Register(entry.path().stem().string(), [path = entry.path(), run = check->second] { run(path); });
  }
}

}  // namespace

void RegisterImageGoldens(const std::filesystem::path& folder, Coverage& coverage) {
  if (!std::filesystem::exists(folder / "index.json")) return;
  PpChecks checks;
  AddLanguageChecks(checks);
  AddImageChecks(checks);
  AddRandomChecks(checks);
  AddTensorChecks(checks);
  AddPostprocessChecks(checks);
  AddSourceChecks(checks);
  const nlohmann::json index = ReadJson(folder / "index.json");
  for (const nlohmann::json& entry : index.at("cases")) {
    const std::string kind = entry.at("kind").get<std::string>();
    const auto check = checks.find(kind);
    if (check == checks.end()) {
      coverage.AddUncovered("pp " + kind);
      continue;
    }
    const PpCase pp_case{folder, kind, ReadJson(folder / entry.at("file").get<std::string>())};
    Register(entry.at("name").get<std::string>(), [pp_case, run = check->second] { run(pp_case); });
  }
  RegisterTables(folder, coverage);
}

}  // namespace vitok::golden
