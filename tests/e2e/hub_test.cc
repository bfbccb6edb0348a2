// A server whose model comes from the model hub.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/file_io.h"
#include "tests/e2e/running_server.h"
#include "tests/support/fake_hub.h"
#include "tests/support/temp_folder.h"

namespace vitok {
namespace {

using ::testing::HasSubstr;

constexpr char kPhoto[] = "photos/page.png";
constexpr char kFolder[] = "models/tiny-f16x64/";

class HubTest : public ::testing::Test {
 protected:
  HubTest() {
    hub_.emplace();
    FakeHub::Files files;
    for (const char* file : {"encoder.safetensors", "decoder.safetensors"}) {
      files[file] = ReadFile(std::string(kFolder) + file).value();
    }
    hub_->AddCommit("org/tiny", "main", files);
    endpoint_ = hub_->endpoint();
  }

  RunningServer::Launch From(const std::string& model, std::vector<std::string> environment = {}) const {
    environment.insert(environment.end(), {"HF_ENDPOINT=" + endpoint_, "HF_HUB_CACHE=" + (folder_ / "cache")});
    return {.arguments = {"--model", model}, .environment = std::move(environment)};
  }

  // The photo's reconstruction, as PNG.
  std::string Reconstruct(const RunningServer& server, const std::string& model) const {
    const std::string file = folder_ / "photo.png";
    const ProgramResult result = server.Vitok({"reconstruct", kPhoto, "-o", file, "--model", model});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return ReadFile(file).value();
  }

  TempFolder folder_;
  std::optional<FakeHub> hub_;
  std::string endpoint_;
};

TEST_F(HubTest, ModelOfTheHubIsThatOfItsFilesAndIsServedOfflineFromThenOn) {
  std::string picture;
  {
    RunningServer server(OneModel("float32"), From("org/tiny"));
    ASSERT_TRUE(server.WaitUntilServing());
    picture = Reconstruct(server, "org/tiny");
    EXPECT_TRUE(picture == Reconstruct(server, "tiny"));
  }
  hub_.reset();
  RunningServer server("", From("org/tiny", {"HF_HUB_OFFLINE=1"}));
  ASSERT_TRUE(server.WaitUntilServing());
  EXPECT_TRUE(picture == Reconstruct(server, "org/tiny"));
}

TEST_F(HubTest, ServerThatCannotGetItsModelSaysSoAndEnds) {
  RunningServer server("", From("org/none"));
  const ProgramResult result = server.process().Wait();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("org/none"));
  EXPECT_THAT(result.err, HasSubstr(endpoint_));
}

}  // namespace
}  // namespace vitok
