#include "server/server_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vitok {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ServerMetricsTest : public ::testing::Test {
 protected:
  ServerMetricsTest() {
    metrics_.AddModel(kTiny);
    metrics_.AddDevice("cpu");
  }

  const ModelKey kTiny{"tiny", 3};
  ServerMetrics metrics_{"1.2.3"};
};

TEST_F(ServerMetricsTest, ShowsEverySeriesBeforeTheFirstCall) {
  const std::string text = metrics_.PrometheusText();
  for (const char* series :
       {"vitok_requests_total{code=\"INVALID_ARGUMENT\",method=\"Encode\",model=\"tiny\",version=\"3\"} 0",
        "vitok_request_duration_seconds_count{method=\"Decode\",model=\"unknown\",version=\"0\"} 0",
        "vitok_stage_duration_seconds_count{method=\"Reconstruct\",model=\"tiny\",stage=\"compute\",version=\"3\"} 0",
        "vitok_queue_wait_seconds_count{model=\"tiny\",version=\"3\"} 0",
        "vitok_batch_tokens_count{model=\"tiny\",version=\"3\"} 0",
        "vitok_batch_images_count{model=\"tiny\",version=\"3\"} 0",
        "vitok_padded_tokens_total{model=\"tiny\",version=\"3\"} 0",
        "vitok_images_total{model=\"tiny\",version=\"3\"} 0",
        "vitok_tokens_total{model=\"tiny\",version=\"3\"} 0",
        "vitok_expired_total{model=\"tiny\",version=\"3\"} 0",
        "vitok_cancelled_total{model=\"tiny\",version=\"3\"} 0",
        "vitok_nonfinite_total{model=\"tiny\",version=\"3\"} 0",
        "vitok_queued_requests{device=\"cpu\"} 0",
        "vitok_queued_tokens{device=\"cpu\"} 0",
        "vitok_rejected_total{reason=\"queue_requests\"} 0",
        "vitok_rejected_total{reason=\"queue_tokens\"} 0",
        "vitok_rejected_total{reason=\"draining\"} 0",
        "vitok_payload_bytes{direction=\"in\"} 0",
        "vitok_telemetry_exported_total{signal=\"spans\"} 0",
        "vitok_telemetry_dropped_total{signal=\"spans\"} 0",
        "vitok_build_info{version=\"1.2.3\"} 1"}) {
    EXPECT_THAT(text, HasSubstr(series));
  }
}

TEST_F(ServerMetricsTest, CountsWhatIsRecorded) {
  metrics_.RecordCall({.op = TokenizerOp::kEncode,
                       .model = kTiny,
                       .code = absl::StatusCode::kResourceExhausted,
                       .rejection = "QUEUE_TOKENS",
                       .duration = absl::Milliseconds(3),
                       .bytes_in = 100,
                       .bytes_out = 7});
  metrics_.RecordBatch({.model = kTiny, .tokens = 300, .images = 3, .padded_tokens = 5});
  metrics_.RecordItem(TokenizerOp::kEncode, kTiny, 256, {.compute = absl::Seconds(2)});
  metrics_.RecordItemError(kTiny, absl::StatusCode::kCancelled);
  metrics_.RecordItemError(kTiny, absl::StatusCode::kDeadlineExceeded);
  metrics_.RecordItemError(kTiny, absl::StatusCode::kInvalidArgument);
  metrics_.RecordNonfinite(kTiny);
  metrics_.RecordSpansExported(11);
  metrics_.RecordSpansDropped(13);
  metrics_.AddQueued("cpu", 3, 300);
  metrics_.AddQueued("cpu", -1, -100);
  const std::string text = metrics_.PrometheusText();
  for (const char* series :
       {"vitok_telemetry_exported_total{signal=\"spans\"} 11", "vitok_telemetry_dropped_total{signal=\"spans\"} 13",
        "vitok_requests_total{code=\"RESOURCE_EXHAUSTED\",method=\"Encode\",model=\"tiny\",version=\"3\"} 1",
        "vitok_request_duration_seconds_sum{method=\"Encode\",model=\"tiny\",version=\"3\"} 0.003",
        "vitok_stage_duration_seconds_sum{method=\"Encode\",model=\"tiny\",stage=\"compute\",version=\"3\"} 2",
        "vitok_batch_tokens_sum{model=\"tiny\",version=\"3\"} 300",
        "vitok_batch_images_sum{model=\"tiny\",version=\"3\"} 3",
        "vitok_padded_tokens_total{model=\"tiny\",version=\"3\"} 5",
        "vitok_images_total{model=\"tiny\",version=\"3\"} 1", "vitok_tokens_total{model=\"tiny\",version=\"3\"} 256",
        "vitok_expired_total{model=\"tiny\",version=\"3\"} 1", "vitok_cancelled_total{model=\"tiny\",version=\"3\"} 1",
        "vitok_nonfinite_total{model=\"tiny\",version=\"3\"} 1", "vitok_queued_requests{device=\"cpu\"} 2",
        "vitok_queued_tokens{device=\"cpu\"} 200", "vitok_rejected_total{reason=\"queue_tokens\"} 1",
        "vitok_payload_bytes{direction=\"in\"} 100", "vitok_payload_bytes{direction=\"out\"} 7"}) {
    EXPECT_THAT(text, HasSubstr(series));
  }
}

TEST_F(ServerMetricsTest, NeverMakesALabelOfANameAClientMadeUp) {
  metrics_.RecordCall({.op = TokenizerOp::kDecode, .model = {"surprise", 1}, .code = absl::StatusCode::kNotFound});
  const std::string text = metrics_.PrometheusText();
  EXPECT_THAT(text, Not(HasSubstr("surprise")));
  EXPECT_THAT(
      text, HasSubstr("vitok_requests_total{code=\"NOT_FOUND\",method=\"Decode\",model=\"unknown\",version=\"0\"} 1"));
}

}  // namespace
}  // namespace vitok
