#include "server/status_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vitok {
namespace {

using testing::HasSubstr;
using testing::Not;

StatusReport FullReport() {
  return {.version = "1.2.3",
          .build = "gcc 12",
          .now = absl::FromUnixSeconds(1767225600),
          .uptime = absl::Hours(26) + absl::Minutes(5),
          .models = {{.name = "tiny",
                      .version = 3,
                      .state = "ready",
                      .variant = "w1/1x16x64",
                      .dtype = "float32",
                      .device = "cpu",
                      .parameters = 6'400'000}},
          .queues = {{.device = "cpu",
                      .requests = 12,
                      .max_requests = 1024,
                      .tokens = 3072,
                      .max_tokens = 1048576,
                      .batches = 1}},
          .rates = {{.model = {"tiny", 3},
                     .method = "Encode",
                     .requests = 12.34,
                     .images = 1234.5,
                     .tokens = 316032,
                     .pixels = 80.9e6,
                     .p50 = absl::Microseconds(5500),
                     .p95 = absl::Milliseconds(120)}},
          .refusals = {{"QUEUE_TOKENS", 42}, {"QUOTA", 0}},
          .errors = {{.time = absl::FromUnixSeconds(1767225599),
                      .method = "Encode",
                      .model = "tiny:3",
                      .code = absl::StatusCode::kInvalidArgument,
                      .message = "images[0] is empty",
                      .count = 7}}};
}

TEST(StatusPageTest, ShowsAllThatIsReported) {
  const std::string page = RenderStatusPage(FullReport());
  for (const char* text :
       {"<span class=\"ok\">ready</span>", "up 1 d 2 h", "2026-01-01 00:00:00 UTC", "version 1.2.3 (gcc 12)",
        "<td>tiny</td><td class=\"n\">3</td><td>ready</td><td>w1/1x16x64</td><td>float32</td><td>cpu</td>"
        "<td class=\"n\">6.4 M</td>",
        "12 of 1,024", "3,072 of 1,048,576", "<td>tiny:3</td><td>Encode</td><td class=\"n\">12.3</td>",
        "<td class=\"n\">1,235</td><td class=\"n\">316,032</td><td class=\"n\">80.9</td><td class=\"n\">5.50</td>"
        "<td class=\"n\">120</td>",
        "<td>QUEUE_TOKENS</td><td class=\"n\">42</td>", "<td class=\"n\">1 s ago</td>", "<td>INVALID_ARGUMENT</td>",
        "images[0] is empty</td><td class=\"n\">7</td>"}) {
    EXPECT_THAT(page, HasSubstr(text));
  }
  EXPECT_THAT(page, Not(HasSubstr("QUOTA")));
}

TEST(StatusPageTest, NeedsNoScriptAndRefreshesItself) {
  const std::string page = RenderStatusPage(FullReport());
  EXPECT_THAT(page, HasSubstr("<meta http-equiv=\"refresh\""));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
}

TEST(StatusPageTest, SaysWhyTheServerIsNotReady) {
  StatusReport report = FullReport();
  report.not_ready = "draining";
  EXPECT_THAT(RenderStatusPage(report), HasSubstr("<span class=\"bad\">not ready</span> draining"));
}

TEST(StatusPageTest, SaysWhereThereIsNothingToShow) {
  const std::string page = RenderStatusPage({});
  for (const char* text : {"No model is loaded.", "No call ended in the last minute.", "None."}) {
    EXPECT_THAT(page, HasSubstr(text));
  }
}

TEST(StatusPageTest, EscapesWhatClientsCanCause) {
  StatusReport report = FullReport();
  report.errors[0].message = "model '<img src=x onerror=\"a()\">' & \x01 others";
  const std::string page = RenderStatusPage(report);
  EXPECT_THAT(page, HasSubstr("model &#39;&lt;img src=x onerror=&quot;a()&quot;&gt;&#39; &amp;   others"));
  EXPECT_THAT(page, Not(HasSubstr("<img")));
}

}  // namespace
}  // namespace vitok
