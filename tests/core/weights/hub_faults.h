// A hub that does wrong, and what a fetch makes of it.
#pragma once

#include <gmock/gmock.h>
#include <httplib.h>

#include <string>
#include <vector>

#include "tests/core/weights/hub_fixture.h"

namespace vitok {

class HubFaultTest : public HubTest {
 protected:
  // Fetches without a decoder, so that requests can be counted.
  absl::StatusOr<LocalModel> FetchEncoder() { return Fetch("org/model", {.encoder = true, .decoder = false}); }

  void ExpectEncoder(const absl::StatusOr<LocalModel>& model) {
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_TRUE(Read(model->path + "/encoder.safetensors") == encoder_);
    EXPECT_EQ(Blobs().size(), 1);
  }

  void ExpectError(absl::StatusCode code, const std::string& text) {
    const absl::Status status = FetchEncoder().status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()),
                testing::AllOf(testing::HasSubstr("model org/model@main: "), testing::HasSubstr(text)));
    ExpectNothing();
  }

  // The ranges that were asked of the content network.
  std::vector<std::string> Ranges() const {
    std::vector<std::string> ranges;
    for (const FakeHub::Seen& seen : hub_.seen()) {
      if (seen.place == "content") ranges.push_back(seen.Header("range"));
    }
    return ranges;
  }

  // The content network answers with this code for the first `times` times.
  FakeHub::Handler Code(int code, int times, const std::string& header = "", const std::string& value = "") {
    return [=](const httplib::Request&, httplib::Response& response, int count) {
      if (count > times) return false;
      response.status = code;
      if (!header.empty()) response.set_header(header.c_str(), value);
      return true;
    };
  }
};

}  // namespace vitok
