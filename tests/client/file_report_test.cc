#include "client/cli/file_report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace vitok {
namespace {

FileReport SomeReport() {
  FileReport report;
  report.file = "in/a.jpg";
  report.output = "out/a.png";
  report.model = "tiny";
  report.width_px = 640;
  report.height_px = 427;
  report.tokens = 1080;
  report.psnr_db = 27.5;
  report.timings = {.preprocess = absl::Microseconds(1500),
                    .queue = absl::Nanoseconds(1600),
                    .host_to_device = absl::Milliseconds(1),
                    .compute = absl::Milliseconds(40),
                    .device_to_host = absl::Milliseconds(2),
                    .postprocess = absl::Milliseconds(3),
                    .total = absl::Milliseconds(48),
                    .round_trip = absl::Seconds(1)};
  return report;
}

TEST(FileReportTest, IsOneLineOfJsonWithTheDocumentedFields) {
  EXPECT_EQ(OneLine(ToJson(SomeReport())),
            R"({"file":"in/a.jpg","output":"out/a.png","model":"tiny","width":640,"height":427,"tokens":1080,)"
            R"("psnr_db":27.5,"timings_ms":{"preprocess":1.5,"queue":0.002,"host_to_device":1.0,"compute":40.0,)"
            R"("device_to_host":2.0,"postprocess":3.0,"total":48.0,"round_trip":1000.0}})");
}

TEST(FileReportTest, ShowsAMissingPsnrAsNull) {
  FileReport report = SomeReport();
  report.psnr_db.reset();
  const auto object = ToJson(report);
  EXPECT_TRUE(object.at("psnr_db").is_null());
  EXPECT_FALSE(object.contains("identical"));
}

TEST(FileReportTest, ShowsIdenticalPicturesAsNullAndIdentical) {
  FileReport report = SomeReport();
  report.psnr_db = HUGE_VAL;
  const auto object = ToJson(report);
  EXPECT_TRUE(object.at("psnr_db").is_null());
  EXPECT_EQ(object.at("identical"), true);
}

TEST(FileReportTest, AddsLatentsForEncode) {
  FileReport report = SomeReport();
  report.channels = 64;
  report.latent_bytes = 276480;
  const auto object = ToJson(report);
  EXPECT_EQ(object.at("channels"), 64);
  EXPECT_EQ(object.at("latent_bytes"), 276480);
}

TEST(FileReportTest, SaysWhyAFileFailed) {
  EXPECT_EQ(OneLine(ErrorToJson("a.jpg", "b.png", absl::NotFoundError("unknown model \"x\""))),
            R"({"file":"a.jpg","output":"b.png","error":{"code":"NOT_FOUND","message":"unknown model \"x\""}})");
}

TEST(FileReportTest, KeepsTheLineValidForFileNamesThatAreNoUtf8) {
  FileReport report = SomeReport();
  report.file = "bad\xff.jpg";
  EXPECT_NE(OneLine(ToJson(report)).find("bad\xEF\xBF\xBD.jpg"), std::string::npos);
}

}  // namespace
}  // namespace vitok
