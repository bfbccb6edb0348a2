#include "core/weights/hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "core/weights/hub_cache.h"
#include "tests/core/weights/hub_fixture.h"
#include "tests/support/text_file.h"

namespace vitok {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Message(const absl::StatusOr<LocalModel>& model) { return std::string(model.status().message()); }

constexpr char kIndex[] = R"({"metadata": {}, "weight_map": {"a": "model-00001-of-00002.safetensors",
  "b": "model-00002-of-00002.safetensors", "c": "model-00001-of-00002.safetensors"}})";

TEST_F(HubTest, DownloadsBothHalvesOfOneCommit) {
  ExpectWhole(Fetch());
  EXPECT_TRUE(fs::exists(options_.cache_folder + "/CACHEDIR.TAG"));
  const fs::path link = fs::read_symlink(InCache("snapshots/" + commit_ + "/encoder.safetensors"));
  EXPECT_EQ(link.parent_path(), "../../blobs");
  // The first file is asked for at the branch, the second at the commit that it led to.
  EXPECT_EQ(hub_.Count("HEAD"), 2);
  EXPECT_EQ(hub_.seen().front().Header("accept-encoding"), "identity");
}

TEST_F(HubTest, AsksOnlyForTheCommitOfWhatItHas) {
  ExpectWhole(Fetch());
  ExpectWhole(Fetch());
  EXPECT_EQ(hub_.Count("HEAD"), 3);
  EXPECT_EQ(hub_.Count("GET"), 4) << "hub and content network, for each file once";
}

TEST_F(HubTest, FollowsTheBranchAndSharesWhatDidNotChange) {
  ExpectWhole(Fetch());
  const std::string decoder = TestBytes(1000, 3);
  const std::string next =
      hub_.AddCommit("org/model", "main", {{"encoder.safetensors", encoder_}, {"decoder.safetensors", decoder}});
  const auto model = Fetch();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->commit, next);
  EXPECT_TRUE(Read(model->path + "/decoder.safetensors") == decoder);
  EXPECT_EQ(Blobs().size(), 3);
  EXPECT_EQ(Read(InCache("refs/main")), next);
  EXPECT_EQ(Fetch("org/model@" + commit_)->commit, commit_);
}

TEST_F(HubTest, CommitThatIsThereNeedsNoNetwork) {
  ExpectWhole(Fetch());
  const size_t requests = hub_.seen().size();
  const auto model = Fetch("org/model@" + commit_);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->commit, commit_);
  EXPECT_EQ(hub_.seen().size(), requests);
}

TEST_F(HubTest, TagsAndBranchesWithSlashesAreRevisions) {
  hub_.AddCommit("org/model", "refs/pr/1", {{"model.safetensors", encoder_}});
  const auto model = Fetch("org/model@refs/pr/1");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_TRUE(Read(model->path + "/model.safetensors") == encoder_);
  EXPECT_EQ(Read(InCache("refs/refs/pr/1")), model->commit);
}

TEST_F(HubTest, MergedAndShardedModelsAreFound) {
  hub_.AddCommit("org/model", "merged", {{"model.safetensors", decoder_}});
  const auto merged = Fetch("org/model@merged");
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_THAT(merged->files, ElementsAre(merged->path + "/model.safetensors"));

  hub_.AddCommit("org/model", "sharded",
                 {{"model.safetensors.index.json", kIndex},
                  {"model-00001-of-00002.safetensors", encoder_},
                  {"model-00002-of-00002.safetensors", decoder_}});
  const auto sharded = Fetch("org/model@sharded");
  ASSERT_TRUE(sharded.ok()) << sharded.status();
  EXPECT_THAT(sharded->files, ElementsAre(sharded->path + "/model-00001-of-00002.safetensors",
                                          sharded->path + "/model-00002-of-00002.safetensors"));
  EXPECT_TRUE(Read(sharded->files[1]) == decoder_);
  // What the commits do not have is known, so that they are found again without the hub.
  options_.offline = true;
  EXPECT_TRUE(Fetch("org/model@merged").ok());
  EXPECT_TRUE(Fetch("org/model@sharded").ok());
}

TEST_F(HubTest, RefusesAnIndexThatLeadsOutOfTheFolder) {
  hub_.AddCommit("org/model", "evil",
                 {{"model.safetensors.index.json", R"({"weight_map": {"a": "../x.safetensors"}})"}});
  EXPECT_EQ(Fetch("org/model@evil").status().code(), absl::StatusCode::kInvalidArgument);
  hub_.AddCommit("org/model", "torn",
                 {{"model.safetensors.index.json", kIndex}, {"model-00001-of-00002.safetensors", encoder_}});
  EXPECT_THAT(Message(Fetch("org/model@torn")), HasSubstr("does not have model-00002-of-00002.safetensors"));
}

TEST_F(HubTest, OneHalfCanBeWanted) {
  const auto model = Fetch("org/model", {.encoder = true, .decoder = false});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(model->files, ElementsAre(model->path + "/encoder.safetensors"));
  EXPECT_EQ(Blobs().size(), 1);
  // That is not all of the model.
  options_.offline = true;
  EXPECT_THAT(Message(Fetch()), HasSubstr("does not hold decoder.safetensors"));
  options_.offline = false;
  ExpectWhole(Fetch());
}

TEST_F(HubTest, RepositoryMayHoldOneHalf) {
  hub_.AddCommit("org/model", "half", {{"encoder.safetensors", encoder_}});
  for (const bool offline : {false, true}) {
    options_.offline = offline;
    const auto model = Fetch("org/model@half");
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_THAT(model->files, ElementsAre(model->path + "/encoder.safetensors"));
  }
}

TEST_F(HubTest, PublishedModelHasBothHalves) {
  const std::string repository(PublishedModels().front().repository);
  const std::string name(PublishedModels().front().name);
  hub_.AddCommit(repository, "main", {{"encoder.safetensors", encoder_}});
  EXPECT_THAT(Message(Fetch(name)), AllOf(HasSubstr(name), HasSubstr("does not have its decoder.safetensors")));
  hub_.AddCommit(repository, "main", {{"encoder.safetensors", encoder_}, {"decoder.safetensors", decoder_}});
  EXPECT_TRUE(Fetch(name).ok());
}

TEST_F(HubTest, SaysWhatTheHubDoesNotHave) {
  EXPECT_THAT(Message(Fetch("org/model@no-such-branch")), HasSubstr("has no revision no-such-branch"));
  EXPECT_EQ(Fetch("org/model@no-such-branch").status().code(), absl::StatusCode::kNotFound);
  hub_.AddCommit("org/model", "empty", {{"README.json", "{}"}});
  EXPECT_EQ(Fetch("org/model@empty").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(Fetch("org/model@empty")), HasSubstr("none of the wanted files: encoder.safetensors"));
  EXPECT_THAT(slept_, IsEmpty()) << "these answers are final";
  ExpectNothing();
}

TEST_F(HubTest, OfflineUsesTheCacheAndSaysWhatIsNotThere) {
  options_.offline = true;
  EXPECT_EQ(Fetch().status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(Fetch()),
              AllOf(HasSubstr("org/model@main"), HasSubstr("HF_HUB_OFFLINE"), HasSubstr(options_.cache_folder)));
  options_.offline = false;
  ExpectWhole(Fetch());
  const size_t requests = hub_.seen().size();
  options_.offline = true;
  ExpectWhole(Fetch());
  EXPECT_EQ(hub_.seen().size(), requests);
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(HubTest, HubThatDoesNotAnswerLeavesTheCache) {
  ExpectWhole(Fetch());
  options_.endpoint = "http://127.0.0.1:1";
  ExpectWhole(Fetch());
  EXPECT_THAT(warnings_, ElementsAre(AllOf(HasSubstr("127.0.0.1:1"), HasSubstr("using commit " + commit_))));
  EXPECT_THAT(slept_, IsEmpty()) << "who has a copy need not wait";
  options_.cache_folder = folder_ / "other";
  EXPECT_EQ(Fetch().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(slept_, ElementsAre(absl::Seconds(1), absl::Seconds(2), absl::Seconds(4), absl::Seconds(8)));
}

TEST_F(HubTest, CacheThatMayOnlyBeReadIsEnough) {
  ExpectWhole(Fetch());
  fs::permissions(InCache("refs"), fs::perms::owner_read | fs::perms::owner_exec);
  fs::permissions(InCache("blobs"), fs::perms::owner_read | fs::perms::owner_exec);
  const fs::file_time_type before = fs::last_write_time(InCache("refs/main"));
  ExpectWhole(Fetch());
  EXPECT_EQ(fs::last_write_time(InCache("refs/main")), before);
  fs::permissions(InCache("refs"), fs::perms::owner_all);
  fs::permissions(InCache("blobs"), fs::perms::owner_all);
}

TEST_F(HubTest, LocalPathsAreLeftAsTheyAre) {
  const std::string folder = folder_ / "local";
  fs::create_directories(folder);
  WriteTextFile(folder + "/encoder.safetensors", encoder_);
  const auto found = ResolveModel(folder, {}, options_);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->path, folder);
  EXPECT_THAT(found->files, ElementsAre(folder + "/encoder.safetensors"));
  EXPECT_EQ(ResolveModel(folder + "/encoder.safetensors", {}, options_)->path, folder + "/encoder.safetensors");
  EXPECT_EQ(ResolveModel("org/model", {}, options_)->commit, commit_);
  EXPECT_EQ(ResolveModel(folder_ / "nowhere", {}, options_).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(HubTest, ProgressEndsAtTheSizeOfEachFile) {
  std::map<std::string, int64_t> done;
  options_.on_progress = [&](const HubProgress& progress) {
    EXPECT_LE(progress.done_bytes, progress.total_bytes);
    done[std::string(progress.file)] = progress.done_bytes;
  };
  ExpectWhole(Fetch());
  EXPECT_EQ(done["encoder.safetensors"], encoder_.size());
  EXPECT_EQ(done["decoder.safetensors"], decoder_.size());
}

TEST_F(HubTest, CancellingLeavesNothing) {
  bool cancelled = false;
  options_.cancelled = [&cancelled] { return cancelled; };
  options_.on_progress = [&cancelled](const HubProgress&) { cancelled = true; };
  hub_.on_content = [this](const httplib::Request&, httplib::Response& response, int) {
    SendCut(encoder_, 1000, response);
    return true;
  };
  EXPECT_EQ(Fetch().status().code(), absl::StatusCode::kCancelled);
  ExpectNothing();
}

TEST_F(HubTest, TwoAtOnceBothSucceed) {
  for (const bool with_locks : {true, false}) {
    fs::remove_all(options_.cache_folder);
    if (!with_locks) {  // a file where their folder should be
      fs::create_directories(options_.cache_folder);
      WriteTextFile(options_.cache_folder + "/.locks", "");
    }
    HubOptions options = options_;
    options.sleep = nullptr;
    options.warn = nullptr;
    absl::StatusOr<LocalModel> models[2];
    std::thread threads[2];
    for (int i = 0; i < 2; ++i) {
      threads[i] = std::thread([&options, &model = models[i]] { model = FetchModel({"org/model"}, {}, options); });
    }
    for (std::thread& thread : threads) thread.join();
    for (const auto& model : models) ExpectWhole(model);
  }
}

TEST_F(HubTest, VerifyNamesTheBadFile) {
  const HubSource source{"org/model"};
  EXPECT_EQ(VerifyModel(source, options_).status().code(), absl::StatusCode::kNotFound);
  ExpectWhole(Fetch());
  auto files = VerifyModel(source, options_);
  ASSERT_TRUE(files.ok()) << files.status();
  ASSERT_EQ(files->size(), 2);
  for (const VerifiedFile& file : *files) EXPECT_EQ(file.result, VerifiedFile::Result::kGood) << file.file;
  EXPECT_EQ((*files)[0].bytes, encoder_.size());

  std::fstream blob(InCache("snapshots/" + commit_ + "/decoder.safetensors"), std::ios::in | std::ios::out);
  blob.seekp(5);
  blob << 'x';
  blob.close();
  files = VerifyModel(source, options_);
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ((*files)[0].result, VerifiedFile::Result::kGood);
  EXPECT_EQ((*files)[1].file, "decoder.safetensors");
  EXPECT_EQ((*files)[1].result, VerifiedFile::Result::kBad);
  EXPECT_NE((*files)[1].digest, (*files)[1].expected);
}

TEST_F(HubTest, ListsWhatTheCacheHolds) {
  EXPECT_THAT(ListCachedModels(options_.cache_folder), IsEmpty());
  ExpectWhole(Fetch());
  fs::create_directories(options_.cache_folder + "/models--org--empty/snapshots/x");
  const std::vector<CachedModel> models = ListCachedModels(options_.cache_folder);
  ASSERT_EQ(models.size(), 1);
  EXPECT_EQ(models[0].repository, "org/model");
  EXPECT_EQ(models[0].commit, commit_);
  EXPECT_THAT(models[0].revisions, ElementsAre("main"));
  EXPECT_THAT(models[0].files, ElementsAre("encoder.safetensors", "decoder.safetensors"));
  EXPECT_EQ(models[0].bytes, encoder_.size() + decoder_.size());
}

}  // namespace
}  // namespace vitok
