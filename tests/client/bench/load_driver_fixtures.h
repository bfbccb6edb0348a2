// What the tests of all drivers need: a request, an answer to it, and the usual errors.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "client/bench/load_driver.h"
#include "client/bench/load_driver_options.h"
#include "client/wire_format.h"
#include "tests/client/fake_service.h"
#include "tests/support/byte_buffer.h"

namespace vitok {

inline PreparedRequest MakeRequest(const std::string& content, int items = 1) {
  const std::string bytes =
      ToWire(std::vector<ImageInput>(items, EncodedImage{content}), EncodeParams()).SerializeAsString();
  return {.message = InPieces(bytes, bytes.size()),
          .message_bytes = static_cast<int64_t>(bytes.size()),
          .item_pixels = std::vector<int64_t>(items, 1)};
}

// Sends one request and waits for its end.
inline RequestOutcome SendAndWait(LoadDriver& driver, const PreparedRequest& request) {
  RequestOutcome result;
  absl::Notification done;
  driver.Send(request, [&](const RequestOutcome& outcome) {
    result = outcome;
    done.Notify();
  });
  done.WaitForNotification();
  return result;
}

// As many tokens as the image has bytes.
inline void Succeed(const v1::EncodeRequest& request, v1::EncodeResponse& response) {
  for (const v1::ImageInput& image : request.images()) {
    v1::EncodeResult& result = *response.add_results();
    result.mutable_latents()->set_grid_rows(1);
    result.set_tokens(static_cast<int64_t>(image.encoded().size()));
  }
  response.mutable_timings()->set_compute_ns(1'500'000);
}

inline grpc::Status Encode(const v1::EncodeRequest& request, v1::EncodeResponse& response) {
  Succeed(request, response);
  return grpc::Status::OK;
}

inline grpc::Status Refusal(absl::Duration delay) {
  return ErrorWithDetails(grpc::StatusCode::RESOURCE_EXHAUSTED, "queue full", RetryAfter(delay));
}

inline grpc::Status Draining() {
  google::rpc::ErrorInfo info;
  info.set_reason("DRAINING");
  return ErrorWithDetails(grpc::StatusCode::UNAVAILABLE, "the server is draining", info);
}

// One server, and a request for it.
class LoadDriverFixture : public ::testing::Test {
 protected:
  LoadDriverOptions Options() const { return {.servers = {server_.target()}}; }

  const PreparedRequest request_ = MakeRequest("12345");
  FakeService service_;
  FakeServer server_{&service_};
};

}  // namespace vitok
