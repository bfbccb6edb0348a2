#include "tests/golden/pp_tables.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <map>
#include <string>

#include "core/image/resample.h"
#include "core/image/transforms.h"
#include "tests/support/golden_file.h"

namespace vitok::golden {
namespace {

// w,h,max_size,new_w,new_h
void CheckLongestSideSizes(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  ASSERT_TRUE(std::getline(file, line)) << path;
  int rows = 0;
  for (char comma; file >> std::ws && !file.eof(); ++rows) {
    SizePx size, expected;
    int32_t max_size_px = 0;
    file >> size.width >> comma >> size.height >> comma >> max_size_px >> comma >> expected.width >> comma >>
        expected.height;
    ASSERT_TRUE(file) << "row " << rows;
    SCOPED_TRACE(std::to_string(size.width) + " x " + std::to_string(size.height) + " to " +
                 std::to_string(max_size_px));
    const absl::StatusOr<SizePx> resized = ResizedSize(ResizeLongestSideOp{max_size_px}, size);
    if (expected.width < 1 || expected.height < 1) {
      EXPECT_FALSE(resized.ok());
      continue;
    }
    ASSERT_TRUE(resized.ok()) << resized.status();
    EXPECT_EQ(resized->width, expected.width);
    EXPECT_EQ(resized->height, expected.height);
  }
  EXPECT_GT(rows, 0);
}

void CheckResampleCoefficients(const std::filesystem::path& path) {
  const std::map<std::string, ResampleFilter> filters = {
      {"box", ResampleFilter::kBox}, {"bicubic", ResampleFilter::kBicubic}, {"lanczos", ResampleFilter::kLanczos}};
  const nlohmann::json tables = ReadJson(path).at("tables");
  EXPECT_FALSE(tables.empty());
  for (const nlohmann::json& table : tables) {
    const int64_t in_px = table.at("in"), out_px = table.at("out");
    SCOPED_TRACE(table.at("filter").get<std::string>() + " " + std::to_string(in_px) + " to " + std::to_string(out_px));
    const auto filter = filters.find(table.at("filter").get<std::string>());
    ASSERT_NE(filter, filters.end());
    const ResampleTaps taps = ComputeResampleTaps(filter->second, in_px, out_px, 0, out_px);
    ASSERT_EQ(taps.first.size(), table.at("table").size());
    for (size_t i = 0; i < taps.first.size(); ++i) {
      EXPECT_EQ(taps.first[i], table.at("table")[i].at("first")) << "output " << i;
      EXPECT_EQ(taps.weights[i], table.at("table")[i].at("k").get<std::vector<int32_t>>()) << "output " << i;
    }
  }
}

}  // namespace

std::map<std::string, std::function<void(const std::filesystem::path&)>> TableChecks() {
  return {{"resize_longest_side_sizes.csv", CheckLongestSideSizes},
          {"resample_coefficients.json", CheckResampleCoefficients}};
}

}  // namespace vitok::golden
