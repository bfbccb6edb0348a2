// Start, stop, crash and start again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "client/call_status.h"
#include "core/base/str_cat.h"
#include "tests/e2e/running_server.h"

namespace vitok {
namespace {

std::string ReadLine(const std::filesystem::path& file) {
  std::string line;
  std::getline(std::ifstream(file) >> std::ws, line);
  return line;
}

TEST(LifecycleTest, F17_TerminationEndsTheServerWithExitCodeZero) {
  RunningServer server(OneModel("float32"));
  ASSERT_TRUE(server.WaitUntilServing());
  server.process().Signal(SIGTERM);
  const ProgramResult result = server.process().Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(server.Vitok({"models"}).exit_code, 3);
}

TEST(LifecycleTest, ToolsTellTheProcessAndItsThreadsByName) {
  RunningServer server(OneModel("float32"));
  ASSERT_TRUE(server.WaitUntilServing());
  const std::filesystem::path process = StrCat("/proc/", server.process().pid());
  EXPECT_EQ(ReadLine(process / "comm"), "vitok-server");
  std::set<std::string> threads;
  for (const auto& thread : std::filesystem::directory_iterator(process / "task")) {
    threads.insert(ReadLine(thread.path() / "comm"));
  }
  EXPECT_THAT(threads, ::testing::IsSupersetOf({"vitok-job", "vitok-submit", "vitok-collect"}));
}

TEST(LifecycleTest, F17_TerminationUnderLoadEndsEveryCallWithAnAnswerOrUnavailable) {
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

TEST(LifecycleTest, F18_StartsAgainAtTheSameSocketAfterBeingKilled) {
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

// The warm-up of this server takes long, the signal comes in its middle.
TEST(LifecycleTest, F17_TerminationWhileModelsLoadEndsTheServerWithExitCodeZero) {
  RunningServer server(OneModel("float32"), {"batching.max_batch_tokens=60000", "batching.warm_up_s=600"});
  const std::unique_ptr<TokenizerClient> client =
      TokenizerClient::Create(server.target(), {.deadline = absl::Seconds(120), .retry = false}).value();
  absl::Status loading;
  do {
    loading = client->Reconstruct(RgbImage(32, 32)).status();
  } while (IsUnreachable(loading) && !server.process().HasEnded());
  EXPECT_TRUE(absl::IsUnavailable(loading)) << loading;
  EXPECT_THAT(std::string(loading.message()), ::testing::HasSubstr("is loading"));
  server.process().Signal(SIGTERM);
  const ProgramResult result = server.process().Wait(absl::Seconds(30));
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST(LifecycleTest, F17_ASecondSignalDoesNotWaitForTheDrainDelay) {
  RunningServer server(OneModel("float32"), {"server.drain_delay_s=3600"});
  ASSERT_TRUE(server.WaitUntilServing());
  server.process().Signal(SIGTERM);
  server.process().Signal(SIGINT);
  EXPECT_EQ(server.process().Wait(absl::Seconds(30)).exit_code, 1);
}

TEST(LifecycleTest, AnOperatorMovesAnAliasToANewVersionAndBack) {
  const TempFolder folder;
  const std::string admin = "unix:" + (folder / "admin.sock");
  RunningServer server(OneModel("float32") + "aliases: [{alias: stable, model: tiny}]\n",
                       {"admin.listen=" + admin, "batching.warm_up_s=0"});
  ASSERT_TRUE(server.WaitUntilServing());
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {VITOK_PROGRAM, "admin"});
    arguments.insert(arguments.end(), {"--server", admin});
    return RunProgram(arguments);
  };
  const ProgramResult load = run({"load", "tiny:2", "models/tiny-f16x64", "--dtype", "bfloat16"});
  EXPECT_EQ(load.exit_code, 0) << load.err;
  EXPECT_THAT(load.out, ::testing::HasSubstr("tiny:2 is ready"));
  EXPECT_EQ(run({"alias", "stable", "tiny:2"}).out, "stable leads to tiny:2 (was tiny:1)\n");
  const ProgramResult held = run({"unload", "tiny:2"});
  EXPECT_EQ(held.exit_code, 1);
  EXPECT_THAT(held.err, ::testing::HasSubstr("alias 'stable' leads to model 'tiny:2'"));
  EXPECT_EQ(run({"alias", "stable", "tiny:1"}).exit_code, 0);
  EXPECT_EQ(run({"unload", "tiny:2"}).out, "tiny:2 is unloaded\n");
  const ProgramResult models = run({"models", "--json"});
  EXPECT_THAT(models.out, ::testing::HasSubstr(R"("name":"tiny","version":1,"state":"READY")"));
  EXPECT_THAT(models.out, ::testing::HasSubstr(R"("aliases":["stable"])"));
  EXPECT_EQ(run({"load", "tiny:3", "models/nowhere"}).exit_code, 1);
  EXPECT_EQ(run({"log-level", "warn"}).out, "log level warn (was info)\n");
  EXPECT_EQ(run({"alias", "stable"}).exit_code, 2);
  EXPECT_EQ(run({"unload", "tiny:x"}).exit_code, 2);
  EXPECT_EQ(server.Vitok({"admin", "models"}).exit_code, 1) << "the main port";
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
