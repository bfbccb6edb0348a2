// What the HTTP port of a server shows besides its metrics.
#include <gmock/gmock.h>

#include <stdexcept>
#include <thread>

#include "absl/synchronization/notification.h"
#include "tests/server/server_fixture.h"
#include "tests/support/eventually.h"

namespace vitok {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ServerPagesTest : public ServerTest {
 protected:
  std::string Get(const std::string& path) { return HttpGet(server_->http_address(), path); }
};

TEST_F(ServerPagesTest, IsAliveAndReadyOnceItListens) {
  StartServer();
  for (const char* path : {"/livez", "/readyz"}) {
    EXPECT_THAT(Get(path), AllOf(StartsWith("HTTP/1.1 200"), EndsWith("\r\n\r\nok\n"))) << path;
  }
}

TEST_F(ServerPagesTest, F17_IsAliveButNotReadyWhileItDrains) {
  absl::Notification running, finish;
  control_->hook = [&](const std::vector<int64_t>&) {
    if (!running.HasBeenNotified()) running.Notify();
    finish.WaitForNotification();
    return absl::OkStatus();
  };
  StartServer();
  std::thread call([this] { EXPECT_TRUE(Encode(EncodeOf(Raw(Image(2, 2)))).ok()); });
  running.WaitForNotification();
  std::thread shutdown([this] { EXPECT_TRUE(server_->Shutdown()); });
  EXPECT_TRUE(Eventually([this] { return Get("/readyz").find("503") != std::string::npos; }));
  EXPECT_THAT(Get("/readyz"), EndsWith("\r\n\r\ndraining\n"));
  EXPECT_THAT(Get("/livez"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Get("/"), HasSubstr("not ready</span> draining"));
  finish.Notify();
  call.join();
  shutdown.join();
}

TEST_F(ServerPagesTest, F15_IsNotReadyWhenItsDeviceFailed) {
  control_->hook = [](const std::vector<int64_t>&) -> absl::Status { return DeviceFaultError("the device failed"); };
  StartServer();
  EXPECT_FALSE(Encode(EncodeOf(Raw(Image(2, 2)))).ok());
  EXPECT_TRUE(Eventually([this] { return Get("/readyz").find("503") != std::string::npos; }));
  EXPECT_THAT(Get("/readyz"), EndsWith("\r\n\r\na device failed\n"));
  EXPECT_EQ(Metric("vitok_device_errors_total{device=\"cpu\",sticky=\"true\"}"), 1);
}

TEST_F(ServerPagesTest, ShowsAPersonModelsRatesAndErrors) {
  StartServer();
  ASSERT_TRUE(Encode(EncodeOf(Raw(Image(2, 2)))).ok());
  v1::EncodeRequest unknown = EncodeOf(Raw(Image(2, 2)));
  unknown.set_model("<script>");
  EXPECT_EQ(Encode(unknown).error_code(), grpc::StatusCode::NOT_FOUND);
  const std::string page = Get("/");
  EXPECT_THAT(page, HasSubstr("Content-Type: text/html; charset=utf-8\r\n"));
  EXPECT_THAT(page, HasSubstr("<td>fake</td><td class=\"n\">1</td><td>ready</td>"));
  EXPECT_THAT(page, HasSubstr("<td>fake:1</td><td>Encode</td>"));
  EXPECT_THAT(page, HasSubstr("0 of 1,024"));
  EXPECT_THAT(page, HasSubstr("<td>NOT_FOUND</td>"));
  EXPECT_EQ(page.find("<script"), std::string::npos);
}

TEST_F(ServerPagesTest, CountsConnections) {
  StartServer();
  ExpectGoodService();
  EXPECT_EQ(Metric("vitok_grpc_connections"), 1);
  {
    // A channel with options of its own shares no connection.
    grpc::ChannelArguments own;
    own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto second = grpc::CreateCustomChannel(server_->address(), grpc::InsecureChannelCredentials(), own);
    EXPECT_EQ(CheckHealth(second, ""), Health(""));
    EXPECT_EQ(Metric("vitok_grpc_connections"), 2);
  }
  EXPECT_TRUE(Eventually([this] { return Metric("vitok_grpc_connections") == 1; }));
}

TEST_F(ServerPagesTest, CountsTheBatchOnTheDevice) {
  double inflight = -1;
  control_->hook = [&](const std::vector<int64_t>&) {
    inflight = Metric("vitok_inflight_batches{device=\"cpu\"}");
    return absl::OkStatus();
  };
  StartServer();
  ASSERT_TRUE(Encode(EncodeOf(Raw(Image(2, 2)))).ok());
  EXPECT_EQ(inflight, 1);
  EXPECT_EQ(Metric("vitok_inflight_batches{device=\"cpu\"}"), 0);
}

}  // namespace
}  // namespace vitok
