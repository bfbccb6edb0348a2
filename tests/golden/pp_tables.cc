#include "tests/golden/pp_tables.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <map>
#include <numeric>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "core/image/random_transforms.h"
#include "core/image/resample.h"
#include "core/image/transforms.h"
#include "tests/support/golden_file.h"

namespace vitok::golden {
namespace {

// One line of a table: fields by the names in its header.
class Row {
 public:
  explicit Row(std::map<std::string, std::string> fields) : fields_(std::move(fields)) {}

  const std::string& text(const std::string& name) const { return fields_.at(name); }
  double number(const std::string& name) const { return std::stod(text(name)); }
  int64_t integer(const std::string& name) const { return std::stoll(text(name)); }
  SizePx size(const std::string& height, const std::string& width) const { return {integer(height), integer(width)}; }

 private:
  std::map<std::string, std::string> fields_;
};

std::vector<std::string> SplitLine(const std::string& line) {
  std::vector<std::string> fields;
  std::istringstream stream(line);
  for (std::string field; std::getline(stream, field, ',');) fields.push_back(field);
  return fields;
}

// Fails if there is no row.
std::vector<Row> ReadCsv(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  const std::vector<std::string> names = SplitLine(line);
  std::vector<Row> rows;
  while (std::getline(file, line)) {
    const std::vector<std::string> values = SplitLine(line);
    EXPECT_EQ(values.size(), names.size()) << line;
    std::map<std::string, std::string> fields;
    for (size_t i = 0; i < std::min(names.size(), values.size()); ++i) fields[names[i]] = values[i];
    rows.emplace_back(std::move(fields));
  }
  EXPECT_FALSE(rows.empty()) << path;
  return rows;
}

std::string NameOf(SizePx size) { return std::to_string(size.width) + " x " + std::to_string(size.height); }

// w,h,max_size,new_w,new_h
void CheckLongestSideSizes(const std::filesystem::path& path) {
  for (const Row& row : ReadCsv(path)) {
    const SizePx size = row.size("h", "w"), expected = row.size("new_h", "new_w");
    const auto max_size_px = static_cast<int32_t>(row.integer("max_size"));
    SCOPED_TRACE(NameOf(size) + " to " + std::to_string(max_size_px));
    const absl::StatusOr<SizePx> resized = ResizedSize(ResizeLongestSideOp{max_size_px}, size);
    if (expected.width < 1 || expected.height < 1) {
      EXPECT_FALSE(resized.ok());
      continue;
    }
    ASSERT_TRUE(resized.ok()) << resized.status();
    EXPECT_EQ(*resized, expected) << NameOf(*resized);
  }
}

// w,h,patch,max_tokens,target_w,target_h,grid_rows,grid_cols,tokens,fits
void CheckBudgetSizes(const std::filesystem::path& path) {
  for (const Row& row : ReadCsv(path)) {
    const SizePx size = row.size("h", "w");
    const auto patch_px = static_cast<int32_t>(row.integer("patch"));
    const int64_t max_tokens = row.integer("max_tokens");
    SCOPED_TRACE(NameOf(size) + ", patch " + std::to_string(patch_px) + ", " + std::to_string(max_tokens) + " tokens");
    const SizePx budget = BudgetSize({patch_px, max_tokens}, size);
    EXPECT_EQ(budget, row.size("target_h", "target_w")) << NameOf(budget);
    EXPECT_EQ(*CountPatches({patch_px, kMaxTokens}, budget), row.integer("tokens"));
    EXPECT_EQ(CountPatches({patch_px, max_tokens}, budget).ok(), row.integer("fits") == 1);
  }
}

// w,h,area_fraction,log_ratio,ratio,crop_w,crop_h,accepted
void CheckCropSizes(const std::filesystem::path& path) {
  for (const Row& row : ReadCsv(path)) {
    const SizePx size = row.size("h", "w");
    SCOPED_TRACE(NameOf(size));
    const SizePx crop = TriedCropSize(size, row.number("area_fraction"), static_cast<float>(row.number("log_ratio")));
    EXPECT_EQ(crop, row.size("crop_h", "crop_w")) << NameOf(crop);
    const bool fits = crop.height > 0 && crop.height <= size.height && crop.width > 0 && crop.width <= size.width;
    EXPECT_EQ(fits, row.integer("accepted") == 1);
  }
}

// The quantities of many boxes, each sorted.
std::map<std::string, std::vector<double>> DrawCropQuantities(SizePx size, int64_t draws) {
  std::map<std::string, std::vector<double>> quantities;
  for (int64_t i = 0; i < draws; ++i) {
    RandomStream random(1, i);
    const PixelWindow box = DrawCropBox({}, size, random);
    const double area = static_cast<double>(int64_t{box.width_px} * box.height_px);
    quantities["area_fraction"].push_back(area / static_cast<double>(size.width * size.height));
    quantities["ratio"].push_back(static_cast<double>(box.width_px) / box.height_px);
    quantities["top"].push_back(static_cast<double>(box.top));
    quantities["left"].push_back(static_cast<double>(box.left));
  }
  for (auto& [name, values] : quantities) std::sort(values.begin(), values.end());
  return quantities;
}

// A quantile of the reference must have about that rank among ours.
void ExpectQuantile(const std::vector<double>& sorted, double value, double rank, double tolerance) {
  constexpr double kSlack = 1e-9;
  const auto share = [&](auto end) {
    return static_cast<double>(end - sorted.begin()) / static_cast<double>(sorted.size());
  };
  EXPECT_LE(share(std::lower_bound(sorted.begin(), sorted.end(), value - kSlack)), rank + tolerance) << value;
  EXPECT_GE(share(std::upper_bound(sorted.begin(), sorted.end(), value + kSlack)), rank - tolerance) << value;
}

// w,h,quantity,draws,q0,q05,q25,q50,q75,q95,q100,mean,std
void CheckCropDistribution(const std::filesystem::path& path) {
  const std::array<std::pair<const char*, double>, 7> ranks = {
      {{"q0", 0.0}, {"q05", 0.05}, {"q25", 0.25}, {"q50", 0.5}, {"q75", 0.75}, {"q95", 0.95}, {"q100", 1.0}}};
  for (const Row& row : ReadCsv(path)) {
    const SizePx size = row.size("h", "w");
    SCOPED_TRACE(NameOf(size) + " " + row.text("quantity"));
    // More draws than the reference has, so that it is its noise that the tolerance is for.
    const std::vector<double> ours = DrawCropQuantities(size, 10 * row.integer("draws")).at(row.text("quantity"));
    const double tolerance = 3.0 / std::sqrt(row.number("draws"));
    for (const auto& [name, rank] : ranks) ExpectQuantile(ours, row.number(name), rank, tolerance);
    const auto count = static_cast<double>(ours.size());
    const double mean = std::accumulate(ours.begin(), ours.end(), 0.0) / count;
    double squares = 0.0;
    for (const double value : ours) squares += (value - mean) * (value - mean);
    constexpr double kSlack = 1e-9;
    EXPECT_NEAR(mean, row.number("mean"), tolerance * row.number("std") + kSlack);
    EXPECT_NEAR(std::sqrt(squares / count), row.number("std"), tolerance * row.number("std") + kSlack);
  }
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
          {"token_budget_sizes.csv", CheckBudgetSizes},
          {"random_resized_crop_sizes.csv", CheckCropSizes},
          {"random_resized_crop_distribution.csv", CheckCropDistribution},
          {"resample_coefficients.json", CheckResampleCoefficients}};
}

}  // namespace vitok::golden
