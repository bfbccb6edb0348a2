#include "server/scrape_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "prometheus/text_serializer.h"

namespace vitok {
namespace {

using Kind = ScrapeValues::Kind;

std::string Text(const ScrapeValues& values) { return prometheus::TextSerializer().Serialize(values.Collect()); }

TEST(ScrapeValuesTest, ReadsEachValueWhenAsked) {
  double value = 1;
  ScrapeValues values;
  values.Add(Kind::kGauge, "depth", "How deep", {{"device", "cpu"}}, [&value] { return value; });
  EXPECT_EQ(Text(values), "# HELP depth How deep\n# TYPE depth gauge\ndepth{device=\"cpu\"} 1\n");
  value = 2.5;
  EXPECT_THAT(Text(values), testing::HasSubstr("depth{device=\"cpu\"} 2.5\n"));
}

TEST(ScrapeValuesTest, ShowsSeriesOfOneNameAsOneFamily) {
  ScrapeValues values;
  values.Add(Kind::kCounter, "x_total", "X", {{"a", "1"}}, [] { return 1; });
  values.AddGroup(Kind::kCounter, "x_total", "X", {{"a", "2"}}, "b", []() -> std::map<std::string, double> {
    return {{"p", 2}, {"q", 3}};
  });
  EXPECT_EQ(Text(values),
            "# HELP x_total X\n# TYPE x_total counter\n"
            "x_total{a=\"1\"} 1\nx_total{a=\"2\",b=\"p\"} 2\nx_total{a=\"2\",b=\"q\"} 3\n");
}

TEST(ScrapeValuesTest, LeavesOutWhatIsNotKnown) {
  ScrapeValues values;
  values.Add(Kind::kGauge, "x", "X", {}, [] { return std::nullopt; });
  EXPECT_EQ(Text(values), "");
}

}  // namespace
}  // namespace vitok
