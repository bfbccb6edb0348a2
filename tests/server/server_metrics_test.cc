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
        "vitok_images_total{method=\"Encode\",model=\"tiny\",version=\"3\"} 0",
        "vitok_pixels_total{method=\"Decode\",model=\"tiny\",version=\"3\"} 0",
        "vitok_tokens_total{method=\"Encode\",model=\"tiny\",version=\"3\"} 0",
        "vitok_expired_total{model=\"tiny\",version=\"3\",where=\"predicted\"} 0",
        "vitok_expired_total{model=\"tiny\",version=\"3\",where=\"before_preprocess\"} 0",
        "vitok_cancelled_total{model=\"tiny\",version=\"3\",where=\"queue\"} 0",
        "vitok_cancelled_total{model=\"tiny\",version=\"3\",where=\"dispatched\"} 0",
        "vitok_inflight_batches{device=\"cpu\"} 0",
        "vitok_device_errors_total{device=\"cpu\",sticky=\"true\"} 0",
        "vitok_device_busy_seconds_total{device=\"cpu\"} 0",
        "vitok_copied_bytes_total{direction=\"out\"} 0",
        "vitok_telemetry_dropped_total{sink=\"log\"} 0",
        "vitok_telemetry_dropped_total{sink=\"trace\"} 0",
        "vitok_nonfinite_total{model=\"tiny\",version=\"3\"} 0",
        "vitok_queued_requests{device=\"cpu\"} 0",
        "vitok_queued_tokens{device=\"cpu\"} 0",
        "vitok_rejected_total{reason=\"queue_requests\"} 0",
        "vitok_rejected_total{reason=\"queue_tokens\"} 0",
        "vitok_rejected_total{reason=\"draining\"} 0",
        "vitok_payload_bytes_total{direction=\"in\"} 0",
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
  metrics_.RecordItem(TokenizerOp::kEncode, kTiny, 256, {.compute = absl::Seconds(2)}, 65536);
  metrics_.RecordItemError(kTiny, absl::StatusCode::kCancelled);
  metrics_.RecordItemError(kTiny, absl::StatusCode::kCancelled, ItemPlace::kDispatched);
  metrics_.RecordItemError(kTiny, absl::StatusCode::kDeadlineExceeded);
  metrics_.RecordItemError(kTiny, absl::StatusCode::kInvalidArgument);
  metrics_.RecordNonfinite(kTiny);
  metrics_.AddQueued("cpu", 3, 300);
  metrics_.AddQueued("cpu", -1, -100);
  metrics_.AddInflightBatches("cpu", 2);
  metrics_.AddInflightBatches("cpu", -1);
  metrics_.RecordDeviceError("cpu", /*sticky=*/true);
  metrics_.RecordCopy(ServerMetrics::CopyDirection::kIn, 4096);
  metrics_.RecordDroppedSpans(7);
  const std::string text = metrics_.PrometheusText();
  for (const char* series :
       {"vitok_requests_total{code=\"RESOURCE_EXHAUSTED\",method=\"Encode\",model=\"tiny\",version=\"3\"} 1",
        "vitok_request_duration_seconds_sum{method=\"Encode\",model=\"tiny\",version=\"3\"} 0.003",
        "vitok_stage_duration_seconds_sum{method=\"Encode\",model=\"tiny\",stage=\"compute\",version=\"3\"} 2",
        "vitok_batch_tokens_sum{model=\"tiny\",version=\"3\"} 300",
        "vitok_batch_images_sum{model=\"tiny\",version=\"3\"} 3",
        "vitok_padded_tokens_total{model=\"tiny\",version=\"3\"} 5",
        "vitok_images_total{method=\"Encode\",model=\"tiny\",version=\"3\"} 1",
        "vitok_pixels_total{method=\"Encode\",model=\"tiny\",version=\"3\"} 65536",
        "vitok_tokens_total{method=\"Encode\",model=\"tiny\",version=\"3\"} 256",
        "vitok_expired_total{model=\"tiny\",version=\"3\",where=\"queue\"} 1",
        "vitok_cancelled_total{model=\"tiny\",version=\"3\",where=\"queue\"} 1",
        "vitok_cancelled_total{model=\"tiny\",version=\"3\",where=\"dispatched\"} 1",
        "vitok_inflight_batches{device=\"cpu\"} 1",
        "vitok_device_errors_total{device=\"cpu\",sticky=\"true\"} 1",
        "vitok_copied_bytes_total{direction=\"in\"} 4096",
        "vitok_telemetry_dropped_total{sink=\"trace\"} 7",
        "vitok_nonfinite_total{model=\"tiny\",version=\"3\"} 1",
        "vitok_queued_requests{device=\"cpu\"} 2",
        "vitok_queued_tokens{device=\"cpu\"} 200",
        "vitok_rejected_total{reason=\"queue_tokens\"} 1",
        "vitok_payload_bytes_total{direction=\"in\"} 100",
        "vitok_payload_bytes_total{direction=\"out\"} 7"}) {
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

TEST_F(ServerMetricsTest, CountsTheItemsOfACallThatWouldHaveMissedItsDeadlineAsExpired) {
  metrics_.RecordCall({.op = TokenizerOp::kDecode,
                       .model = kTiny,
                       .code = absl::StatusCode::kDeadlineExceeded,
                       .rejection = "DEADLINE_PREDICTED",
                       .items = 3});
  const std::string text = metrics_.PrometheusText();
  EXPECT_THAT(text, HasSubstr("vitok_expired_total{model=\"tiny\",version=\"3\",where=\"predicted\"} 3"));
  EXPECT_THAT(text, HasSubstr("vitok_rejected_total{reason=\"deadline_predicted\"} 1"));
}

TEST_F(ServerMetricsTest, KeepsTheErrorsOfCallsButNotTheirSuccesses) {
  metrics_.RecordCall({.op = TokenizerOp::kEncode, .model = kTiny});
  metrics_.RecordCall({.op = TokenizerOp::kEncode,
                       .model = kTiny,
                       .code = absl::StatusCode::kInvalidArgument,
                       .error = "images[0] is empty"});
  const std::vector<RecentError> errors = metrics_.recent_errors().List();
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].method, "Encode");
  EXPECT_EQ(errors[0].model, "tiny:3");
  EXPECT_EQ(errors[0].message, "images[0] is empty");
}

TEST_F(ServerMetricsTest, GivesGpusTheNamesThatGpuDashboardsLookFor) {
  EXPECT_THAT(metrics_.PrometheusText(), Not(HasSubstr("vitok_gpu_")));
  metrics_.AddDevice("cuda:0", [] {
    return ServerMetrics::DeviceMemory{.allocated = 100, .reserved = 150, .free = 850, .pinned = 32};
  });
  metrics_.AddWeights("cuda:0", 60);
  metrics_.RecordBatch({.model = kTiny, .device = "cuda:0", .duration = absl::Seconds(2)});
  metrics_.RecordDeviceError("cuda:0", /*sticky=*/false);
  const std::string text = metrics_.PrometheusText();
  for (const char* series :
       {"vitok_gpu_busy_seconds_total{device=\"cuda:0\"} 2", "vitok_device_busy_seconds_total{device=\"cuda:0\"} 2",
        "vitok_gpu_memory_bytes{device=\"cuda:0\",kind=\"weights\"} 60",
        "vitok_gpu_memory_bytes{device=\"cuda:0\",kind=\"activations\"} 40",
        "vitok_gpu_memory_bytes{device=\"cuda:0\",kind=\"reserved\"} 150",
        "vitok_gpu_memory_bytes{device=\"cuda:0\",kind=\"free\"} 850", "vitok_pinned_bytes{device=\"cuda:0\"} 32",
        "vitok_cuda_errors_total{device=\"cuda:0\",sticky=\"false\"} 1",
        "vitok_cuda_errors_total{device=\"cuda:0\",sticky=\"true\"} 0"}) {
    EXPECT_THAT(text, HasSubstr(series));
  }
}

TEST_F(ServerMetricsTest, DescribesTheProcess) {
  const std::string text = metrics_.PrometheusText();
  for (const char* name :
       {"process_cpu_seconds_total", "process_start_time_seconds", "process_threads", "process_virtual_memory_bytes",
        "process_resident_memory_bytes", "process_open_fds", "process_max_fds"}) {
    EXPECT_THAT(text, HasSubstr(std::string("\n") + name + " ")) << name;
  }
}

}  // namespace
}  // namespace vitok
