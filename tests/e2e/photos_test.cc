// Real photos through the real programs give the reference's tokens and PSNR. VITOK_PHOTOS names another folder of
// pictures with a reference.json.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "tests/e2e/running_server.h"

namespace vitok {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> PhotoFolders() {
  std::vector<fs::path> folders = {"photos"};
  if (const char* const other = std::getenv("VITOK_PHOTOS")) folders.push_back(other);
  return folders;
}

// The lines of `vitok reconstruct --json` by file name.
std::map<std::string, nlohmann::json> ReconstructFolder(const RunningServer& server, const fs::path& photos) {
  TempFolder out;
  const ProgramResult result =
      server.Vitok({"reconstruct", photos.string(), "-o", out / "pictures", "--json", "--deadline", "300"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  std::map<std::string, nlohmann::json> lines;
  for (const absl::string_view line : absl::StrSplit(result.out, '\n', absl::SkipEmpty())) {
    nlohmann::json object = nlohmann::json::parse(std::string(line));
    lines.emplace(fs::path(object.at("file").get<std::string>()).filename().string(), object);
  }
  return lines;
}

struct Precision {
  std::string dtype;
  double psnr_tolerance_db;
};

class PhotosTest : public ::testing::TestWithParam<Precision> {};

TEST_P(PhotosTest, GiveTheTokensAndPsnrOfTheReference) {
  RunningServer server(OneModel("float32"), {"models.0.dtype=" + GetParam().dtype});
  ASSERT_TRUE(server.WaitUntilServing());
  for (const fs::path& photos : PhotoFolders()) {
    std::ifstream file(photos / "reference.json");
    ASSERT_TRUE(file) << photos / "reference.json";
    const nlohmann::json reference = nlohmann::json::parse(file);
    const std::map<std::string, nlohmann::json> lines = ReconstructFolder(server, photos);
    EXPECT_GE(lines.size(), 3) << photos;
    for (const auto& [name, line] : lines) {
      SCOPED_TRACE(name);
      ASSERT_TRUE(reference.contains(name)) << "not in reference.json";
      const nlohmann::json& expected = reference.at(name);
      EXPECT_EQ(line.at("width"), expected.at("size").at(0));
      EXPECT_EQ(line.at("height"), expected.at("size").at(1));
      EXPECT_EQ(line.at("tokens"), expected.at("tokens"));
      EXPECT_NEAR(line.at("psnr_db").get<double>(), expected.at("psnr_u8").get<double>(), GetParam().psnr_tolerance_db);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, PhotosTest, ::testing::Values(Precision{"float32", 0.02}, Precision{"bfloat16", 0.15}),
                         [](const auto& info) { return info.param.dtype; });

}  // namespace
}  // namespace vitok
