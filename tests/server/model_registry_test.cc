#include "server/model_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "server/status_details.h"

namespace vitok {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The registry never looks into a model.
std::shared_ptr<LoadedModel> FakeModel() {
  auto owner = std::make_shared<int>(0);
  return std::shared_ptr<LoadedModel>(owner, reinterpret_cast<LoadedModel*>(owner.get()));
}

class ModelRegistryTest : public ::testing::Test {
 protected:
  std::shared_ptr<LoadedModel> Load(const ModelKey& key) {
    EXPECT_TRUE(registry_.BeginLoad(key).ok());
    std::shared_ptr<LoadedModel> model = FakeModel();
    registry_.FinishLoad(key, model, 10, absl::Seconds(2));
    return model;
  }

  absl::StatusCode CodeOf(std::string_view name) const { return registry_.Find(name).status().code(); }

  std::vector<std::pair<std::string, std::optional<ModelState>>> states_;
  std::set<std::string> ready_;
  ModelRegistry registry_{
      "a",
      {.on_state = [this](const ModelKey& key, auto state) { states_.emplace_back(key.ToString(), state); },
       .on_ready = [this](const std::set<std::string>& names) { ready_ = names; }}};
};

TEST_F(ModelRegistryTest, FindsTheHighestReadyVersionOneVersionAndTheDefault) {
  const auto one = Load({"a", 1});
  const auto three = Load({"a", 3});
  ASSERT_TRUE(registry_.BeginLoad({"a", 7}).ok());
  EXPECT_EQ(*registry_.Find("a"), three);
  EXPECT_EQ(*registry_.Find("a:1"), one);
  EXPECT_EQ(*registry_.Find(""), three);
  registry_.FailLoad({"a", 7}, absl::InternalError("broken"));
  EXPECT_EQ(*registry_.Find("a"), three);
}

TEST_F(ModelRegistryTest, F1_SaysWhyThereIsNoSuchModel) {
  Load({"a", 1});
  ASSERT_TRUE(registry_.BeginLoad({"b", 1}).ok());
  ASSERT_TRUE(registry_.BeginLoad({"c", 1}).ok());
  registry_.FailLoad({"c", 1}, absl::FailedPreconditionError("wrong digest"));
  const absl::Status unknown = registry_.Find("nobody").status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(unknown.message(), "no model 'nobody'; loaded: a, a:1");
  for (const char* name : {"a:2", "a:", "a:x", "a:01x", "a:1:1", ":1", "a:99999999999999999999"}) {
    EXPECT_EQ(CodeOf(name), absl::StatusCode::kNotFound) << name;
  }
  for (const char* name : {"b", "b:1"}) {
    const absl::Status loading = registry_.Find(name).status();
    EXPECT_EQ(loading.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(ErrorReason(loading), kReasonLoading);
    EXPECT_GT(RetryDelay(loading), absl::ZeroDuration());
  }
  for (const char* name : {"c", "c:1"}) {
    const absl::Status failed = registry_.Find(name).status();
    EXPECT_EQ(failed.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(failed.message()), AllOf(HasSubstr("'c:1'"), HasSubstr("wrong digest")));
  }
  EXPECT_LT(registry_.Find(std::string(100'000, 'x')).status().message().size(), 300);
}

TEST_F(ModelRegistryTest, F24_AnAliasMovesInOneStepAndOnlyToAReadyModel) {
  const auto one = Load({"a", 1});
  const auto two = Load({"a", 2});
  EXPECT_EQ(*registry_.SetAlias("stable", {"a", 1}), std::nullopt);
  EXPECT_EQ(*registry_.Find("stable"), one);
  EXPECT_EQ(registry_.SetAlias("stable", {"a", 2})->value(), (ModelKey{"a", 1}));
  EXPECT_EQ(*registry_.Find("stable"), two);
  ASSERT_TRUE(registry_.BeginLoad({"a", 3}).ok());
  for (const ModelKey& key : {ModelKey{"a", 3}, ModelKey{"a", 4}, ModelKey{"b", 1}}) {
    EXPECT_EQ(registry_.SetAlias("stable", key).status().code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_EQ(*registry_.Find("stable"), two);
  EXPECT_EQ(registry_.SetAlias("a", {"a", 2}).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(registry_.BeginLoad({"stable", 1}).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(registry_.DeleteAlias("other").code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(registry_.DeleteAlias("stable").ok());
  EXPECT_EQ(CodeOf("stable"), absl::StatusCode::kNotFound);
}

TEST_F(ModelRegistryTest, ADeclaredAliasWaitsForItsModel) {
  ModelRegistry registry("stable");
  ASSERT_TRUE(registry.BeginLoad({"a", 1}).ok());
  registry.DeclareAlias("stable", {"a", 1});
  EXPECT_EQ(registry.Find("").status().code(), absl::StatusCode::kUnavailable);
  registry.FinishLoad({"a", 1}, FakeModel(), 0, absl::ZeroDuration());
  EXPECT_TRUE(registry.Find("").ok());
  EXPECT_EQ(registry.DeleteAlias("stable").code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ModelRegistryTest, UnloadsWhatNobodyIsLedTo) {
  Load({"a", 1});
  EXPECT_EQ(registry_.BeginUnload({"a", 1}).status().code(), absl::StatusCode::kFailedPrecondition) << "the default";
  std::shared_ptr<LoadedModel> two = Load({"a", 2});
  ASSERT_TRUE(registry_.SetAlias("stable", {"a", 2}).ok());
  EXPECT_THAT(std::string(registry_.BeginUnload({"a", 2}).status().message()), HasSubstr("alias 'stable'"));
  ASSERT_TRUE(registry_.SetAlias("stable", {"a", 1}).ok());
  EXPECT_EQ(*registry_.BeginUnload({"a", 2}), two);
  EXPECT_EQ(CodeOf("a:2"), absl::StatusCode::kNotFound);
  EXPECT_EQ(two.use_count(), 1) << "no handle stays behind";
  EXPECT_EQ(registry_.BeginUnload({"a", 2}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(registry_.BeginLoad({"a", 2}).code(), absl::StatusCode::kUnavailable) << "until it is gone";
  registry_.FinishUnload({"a", 2});
  EXPECT_TRUE(registry_.BeginLoad({"a", 2}).ok());
  EXPECT_EQ(registry_.BeginUnload({"a", 2}).status().code(), absl::StatusCode::kUnavailable) << "it is loading";
}

TEST_F(ModelRegistryTest, F19_AFailedVersionCanBeLoadedAgainOrRemoved) {
  Load({"a", 1});
  ASSERT_TRUE(registry_.BeginLoad({"a", 2}).ok());
  EXPECT_EQ(registry_.BeginLoad({"a", 2}).code(), absl::StatusCode::kAlreadyExists);
  registry_.FailLoad({"a", 2}, absl::InternalError("x"));
  ASSERT_TRUE(registry_.BeginLoad({"a", 2}).ok());
  registry_.FailLoad({"a", 2}, absl::InternalError("x"));
  EXPECT_EQ(*registry_.BeginUnload({"a", 2}), nullptr);
  EXPECT_EQ(CodeOf("a:2"), absl::StatusCode::kNotFound);
}

TEST_F(ModelRegistryTest, ListsModelsInTheOrderOfTheirLoads) {
  for (const ModelKey& key : {ModelKey{"b", 2}, ModelKey{"a", 1}, ModelKey{"b", 1}}) Load(key);
  std::vector<std::string> names;
  for (const ModelRegistry::Entry& entry : registry_.List()) names.push_back(entry.key.ToString());
  EXPECT_THAT(names, ElementsAre("b:2", "a:1", "b:1"));
}

TEST_F(ModelRegistryTest, ListsEverythingAndTellsItsObserver) {
  Load({"a", 1});
  ASSERT_TRUE(registry_.SetAlias("stable", {"a", 1}).ok());
  ASSERT_TRUE(registry_.BeginLoad({"b", 5}).ok());
  const std::vector<ModelRegistry::Entry> entries = registry_.List();
  ASSERT_EQ(entries.size(), 2);
  EXPECT_EQ(entries[0].state, ModelState::kReady);
  EXPECT_EQ(entries[0].weight_bytes, 10);
  EXPECT_EQ(entries[0].load_time, absl::Seconds(2));
  EXPECT_THAT(entries[0].aliases, ElementsAre("stable"));
  EXPECT_TRUE(entries[0].is_default);
  EXPECT_EQ(entries[1].key, (ModelKey{"b", 5}));
  EXPECT_EQ(entries[1].state, ModelState::kLoading);
  EXPECT_FALSE(entries[1].is_default);
  EXPECT_THAT(states_, ElementsAre(std::pair("a:1", ModelState::kLoading), std::pair("a:1", ModelState::kReady),
                                   std::pair("b:5", ModelState::kLoading)));
  EXPECT_THAT(ready_, ElementsAre("a", "a:1", "stable"));
}

TEST_F(ModelRegistryTest, F20_ConcurrentLoadsAndUnloadsLeaveOneState) {
  ModelRegistry registry("other");
  std::atomic<bool> stop{false};
  std::atomic<int> live{0};  // loads that won, less unloads that won
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 500; ++round) {
        if (registry.BeginLoad({"swing", 1}).ok()) {
          EXPECT_EQ(live.fetch_add(1), 0);
          registry.FinishLoad({"swing", 1}, FakeModel(), 0, absl::ZeroDuration());
        }
      }
    });
    threads.emplace_back([&] {
      for (int round = 0; round < 500; ++round) {
        if (registry.BeginUnload({"swing", 1}).ok()) {
          live.fetch_sub(1);
          registry.FinishUnload({"swing", 1});
        }
      }
    });
  }
  std::thread caller([&] {
    while (!stop) {
      const absl::Status status = registry.Find("swing").status();
      EXPECT_TRUE(status.ok() || absl::IsNotFound(status) || absl::IsUnavailable(status)) << status;
    }
  });
  for (std::thread& thread : threads) thread.join();
  stop = true;
  caller.join();
  EXPECT_EQ(registry.List().size(), live);
  EXPECT_EQ(registry.Find("swing").ok(), live == 1);
}

}  // namespace
}  // namespace vitok
