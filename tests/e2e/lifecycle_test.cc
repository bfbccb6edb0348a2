// Start, stop, crash and start again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "client/call_status.h"
#include "tests/e2e/running_server.h"

namespace vitok {
namespace {

TEST(LifecycleTest, TerminationEndsTheServerWithExitCodeZero) {
  RunningServer server(OneModel("float32"));
  ASSERT_TRUE(server.WaitUntilServing());
  server.process().Signal(SIGTERM);
  const ProgramResult result = server.process().Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(server.Vitok({"models"}).exit_code, 3);
}

TEST(LifecycleTest, TerminationUnderLoadEndsEveryCallWithAnAnswerOrUnavailable) {
  RunningServer server(OneModel("float32"));
  ASSERT_TRUE(server.WaitUntilServing());
  const std::unique_ptr<TokenizerClient> client = server.Connect();
  ASSERT_TRUE(client->Reconstruct(RgbImage(64, 64)).ok());
  std::vector<std::thread> callers;
  std::vector<absl::Status> last(3);
  for (absl::Status& status : last) {
    callers.emplace_back([&] {
      while (status.ok()) status = client->Reconstruct(RgbImage(256, 256)).status();
    });
  }
  server.process().Signal(SIGTERM);
  const ProgramResult result = server.process().Wait();
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  for (const absl::Status& status : last) EXPECT_TRUE(absl::IsUnavailable(status)) << status;
}

TEST(LifecycleTest, StartsAgainAtTheSameSocketAfterBeingKilled) {
  RunningServer server(OneModel("float32"));
  ASSERT_TRUE(server.WaitUntilServing());
  const std::unique_ptr<TokenizerClient> client = server.Connect();
  ASSERT_TRUE(client->ListModels().ok());
  server.process().Signal(SIGKILL);
  EXPECT_EQ(server.process().Wait().signal, SIGKILL);
  EXPECT_TRUE(IsUnreachable(client->ListModels().status()));
  server.Restart();
  ASSERT_TRUE(server.WaitUntilServing());
  const auto result = server.Connect()->Reconstruct(RgbImage(32, 32));
  EXPECT_TRUE(result.ok()) << result.status();
}

TEST(LifecycleTest, ABrokenConfigurationEndsTheServerNamingTheField) {
  RunningServer server(OneModel("float32"), {"limits.max_image_tokens=-1"});
  const ProgramResult result = server.process().Wait();
  EXPECT_NE(result.exit_code, 0);
  EXPECT_EQ(result.signal, 0);
  EXPECT_THAT(result.err, ::testing::HasSubstr("max_image_tokens"));
}

}  // namespace
}  // namespace vitok
