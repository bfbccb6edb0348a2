// `vitok models pull`, `verify` and `cached` as a user meets them, against a fake hub.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <csignal>

#include <filesystem>
#include <fstream>

#include "absl/synchronization/notification.h"
#include "core/weights/hub_source.h"
#include "nlohmann/json.hpp"
#include "tests/support/fake_hub.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_folder.h"

namespace vitok {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class HubProgramTest : public testing::Test {
 protected:
  HubProgramTest() {
    name_ = std::string(PublishedModels().front().name);
    repository_ = std::string(PublishedModels().front().repository);
    commit_ =
        hub_.AddCommit(repository_, "main",
                       {{"encoder.safetensors", TestBytes(50'000)}, {"decoder.safetensors", TestBytes(400'000, 2)}});
  }

  // `vitok models ...` in an environment where only the fake hub is.
  std::vector<std::string> Command(const std::vector<std::string>& arguments,
                                   const std::vector<std::string>& variables = {}) const {
    std::vector<std::string> command = {"/usr/bin/env", "-i", "HF_ENDPOINT=" + hub_.endpoint(),
                                        "HF_HUB_CACHE=" + cache()};
    command.insert(command.end(), variables.begin(), variables.end());
    command.insert(command.end(), {VITOK_PROGRAM, "models"});
    command.insert(command.end(), arguments.begin(), arguments.end());
    return command;
  }

  std::string cache() const { return folder_ / "cache"; }
  std::string snapshot() const {
    return cache() + "/models--" + repository_.substr(0, repository_.find('/')) + "--" +
           repository_.substr(repository_.find('/') + 1) + "/snapshots/" + commit_;
  }

  TempFolder folder_;
  FakeHub hub_;
  std::string name_, repository_, commit_;
};

TEST_F(HubProgramTest, PullPrintsTheFolderAndNothingElse) {
  const ProgramResult result = RunProgram(Command({"pull", name_}));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, snapshot() + "\n");
  EXPECT_THAT(result.err, IsEmpty()) << "progress is for terminals";
  EXPECT_EQ(fs::file_size(snapshot() + "/decoder.safetensors"), 400'000);
}

TEST_F(HubProgramTest, PullTakesRevisionHalvesAndCache) {
  const ProgramResult result = RunProgram(
      Command({"pull", name_, "--revision", commit_, "--halves", "encoder", "--cache", folder_ / "other", "--json"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["name"], name_);
  EXPECT_EQ(json["repository"], repository_);
  EXPECT_EQ(json["revision"], commit_);
  EXPECT_EQ(json["commit"], commit_);
  EXPECT_THAT(json["folder"].get<std::string>(), StartsWith(folder_ / "other"));
  EXPECT_EQ(json["files"].size(), 1);
  EXPECT_FALSE(fs::exists(cache()));
}

TEST_F(HubProgramTest, TwoProcessesMayPullTheSame) {
  Subprocess first(Command({"pull", name_})), second(Command({"pull", name_}));
  for (Subprocess* process : {&first, &second}) {
    const ProgramResult result = process->Wait();
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.out, snapshot() + "\n");
  }
  const fs::directory_iterator blobs(snapshot() + "/../../blobs");
  EXPECT_EQ(std::distance(fs::begin(blobs), fs::end(blobs)), 2);
  EXPECT_EQ(RunProgram(Command({"verify", name_})).exit_code, 0);
}

TEST_F(HubProgramTest, InterruptLeavesNoPart) {
  absl::Notification began;
  hub_.on_content = [&](const httplib::Request&, httplib::Response& response, int) {
    response.set_content_provider(50'000, "application/octet-stream",
                                  [&](size_t offset, size_t, httplib::DataSink& sink) {
                                    if (offset > 0) {
                                      if (!began.HasBeenNotified()) began.Notify();
                                      hub_.Hang();
                                    }
                                    return sink.write("x", 1);
                                  });
    return true;
  };
  Subprocess process(Command({"pull", name_}));
  began.WaitForNotification();
  process.Signal(SIGINT);
  const ProgramResult result = process.Wait();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("CANCELLED"));
  EXPECT_TRUE(fs::is_empty(snapshot() + "/../../blobs"));
}

TEST_F(HubProgramTest, ErrorsHaveTheirExitCodes) {
  ProgramResult result = RunProgram(Command({"pull", "350M"}));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, AllOf(StartsWith("vitok: NOT_FOUND: no published model is named '350M'"), HasSubstr(name_)));
  result = RunProgram(Command({"pull", name_}, {"HF_HUB_OFFLINE=1"}));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("offline"));
  hub_.on_head = [](const httplib::Request&, httplib::Response& response, int) {
    response.status = 429;
    response.set_header("Retry-After", "3600");
    return true;
  };
  EXPECT_EQ(RunProgram(Command({"pull", name_})).exit_code, 3);
  EXPECT_EQ(RunProgram(Command({"pull"})).exit_code, 2);
  EXPECT_EQ(RunProgram(Command({"pull", name_, "--halves", "none"})).exit_code, 2);
}

TEST_F(HubProgramTest, VerifyNamesTheBadFile) {
  EXPECT_EQ(RunProgram(Command({"verify", name_})).exit_code, 1);
  ASSERT_EQ(RunProgram(Command({"pull", name_})).exit_code, 0);
  ProgramResult result = RunProgram(Command({"verify", name_}));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("encoder.safetensors"), HasSubstr("good")));
  const std::string blob = fs::canonical(snapshot() + "/decoder.safetensors").string();
  std::ofstream(blob, std::ios::app) << "x";
  result = RunProgram(Command({"verify", name_}));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr(blob), HasSubstr("DATA_LOSS")));
  EXPECT_THAT(result.out, HasSubstr("BAD"));
}

TEST_F(HubProgramTest, CachedListsWhatWasPulled) {
  EXPECT_EQ(RunProgram(Command({"cached", "--json"})).out, "");
  ASSERT_EQ(RunProgram(Command({"pull", name_})).exit_code, 0);
  const ProgramResult result = RunProgram(Command({"cached", "--json"}));
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["name"], name_);
  EXPECT_EQ(json["revisions"], nlohmann::json({"main"}));
  EXPECT_EQ(json["bytes"], 450'000);
  EXPECT_THAT(RunProgram(Command({"cached"})).out, HasSubstr(repository_));
}

TEST_F(HubProgramTest, HelpTellsAboutServersAndTheHub) {
  const ProgramResult result = RunProgram(Command({"--help"}));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, AllOf(HasSubstr("--wait"), HasSubstr("pull"), HasSubstr("verify"), HasSubstr("cached")));
  EXPECT_THAT(RunProgram(Command({"pull", "--help"})).out, AllOf(HasSubstr(name_), HasSubstr("HF_TOKEN")));
}

}  // namespace
}  // namespace vitok
