// Where the time of one item of a request went. Feeds the reply, the histograms and the log line. Free of torch.
#pragma once

#include "absl/time/time.h"
#include "vitok/v1/tokenizer.pb.h"

namespace vitok {

// The stages follow each other (meaning of each: vitok.v1.Timings); stages that were not reached are zero.
struct RequestTimings {
  absl::Duration preprocess;
  absl::Duration queue;
  absl::Duration host_to_device;
  absl::Duration compute;
  absl::Duration device_to_host;
  absl::Duration postprocess;
  absl::Duration total;

  void WriteTo(v1::Timings* message) const {
    message->set_preprocess_ns(absl::ToInt64Nanoseconds(preprocess));
    message->set_queue_ns(absl::ToInt64Nanoseconds(queue));
    message->set_host_to_device_ns(absl::ToInt64Nanoseconds(host_to_device));
    message->set_compute_ns(absl::ToInt64Nanoseconds(compute));
    message->set_device_to_host_ns(absl::ToInt64Nanoseconds(device_to_host));
    message->set_postprocess_ns(absl::ToInt64Nanoseconds(postprocess));
    message->set_total_ns(absl::ToInt64Nanoseconds(total));
  }
};

}  // namespace vitok
