#include "server/batching/lane.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/batching/fake_task.h"

namespace vitok {
namespace {

using ::testing::ElementsAre;

class LaneTest : public ::testing::Test {
 protected:
  void Add(int id, int64_t tokens, Priority priority = Priority::kInteractive) {
    lane_.Add({.task = MakeTask(id, tokens, priority), .enqueued = now_});
  }

  // Ids of the next batch, which leaves the lane.
  std::vector<int> Next(const BatchBudget& budget, Priority leader = Priority::kInteractive) {
    const Lane::Pick pick = lane_.PickBatch(leader, budget, absl::Milliseconds(50), now_);
    full_ = pick.full;
    std::vector<int> ids;
    for (const auto& task : pick.tasks) ids.push_back(static_cast<FakeTask&>(*lane_.Remove(task).task).id);
    return ids;
  }

  Lane lane_;
  absl::Time now_ = absl::FromUnixSeconds(1000);
  bool full_ = false;
};

TEST_F(LaneTest, FillsTheBudgetInOrderOfArrival) {
  for (int id = 1; id <= 4; ++id) Add(id, 5);
  EXPECT_THAT(Next({.tokens = 15}), ElementsAre(1, 2, 3));
  EXPECT_TRUE(full_);
  EXPECT_THAT(Next({.tokens = 15}), ElementsAre(4));
  EXPECT_FALSE(full_);
  EXPECT_TRUE(lane_.empty());
}

TEST_F(LaneTest, FillsGapsWithYoungerTasksThatFit) {
  Add(1, 6);
  Add(2, 6);
  Add(3, 3);
  Add(4, 2);
  Add(5, 1);
  EXPECT_THAT(Next({.tokens = 10}), ElementsAre(1, 3, 5));
  EXPECT_THAT(Next({.tokens = 10}), ElementsAre(2, 4));
}

TEST_F(LaneTest, FillsGapsAsWellAsPossible) {
  Add(1, 6);
  Add(2, 8);
  Add(3, 3);
  Add(4, 4);
  EXPECT_THAT(Next({.tokens = 10}), ElementsAre(1, 4));
}

TEST_F(LaneTest, KeepsToTheBudgetOfAttentionAndBytes) {
  Add(1, 6);
  Add(2, 6);
  Add(3, 1);
  EXPECT_THAT(Next({.tokens = 100, .square_tokens = 40}), ElementsAre(1, 3));
  auto heavy = MakeTask(4, 1);
  heavy->bytes = 90;
  lane_.Add({.task = std::move(heavy), .enqueued = now_});
  auto other = MakeTask(5, 1);
  other->bytes = 20;
  lane_.Add({.task = std::move(other), .enqueued = now_});
  EXPECT_THAT(Next({.tokens = 100, .square_tokens = 100, .bytes = 100}), ElementsAre(2, 4));
}

TEST_F(LaneTest, GivesATaskAboveABudgetABatchOfItsOwn) {
  Add(1, 100);
  Add(2, 1);
  EXPECT_THAT(Next({.tokens = 10}), ElementsAre(1));
  EXPECT_THAT(Next({.tokens = 10}), ElementsAre(2));
}

TEST_F(LaneTest, TakesMoreUrgentTasksFirstAndOthersIntoWhatIsLeft) {
  Add(1, 4, Priority::kBackground);
  Add(2, 4, Priority::kBatch);
  Add(3, 4, Priority::kInteractive);
  Add(4, 4, Priority::kInteractive);
  EXPECT_THAT(Next({.tokens = 12}), ElementsAre(3, 4, 2));
  Add(5, 4, Priority::kInteractive);
  EXPECT_THAT(Next({.tokens = 12}, Priority::kBackground), ElementsAre(1, 5)) << "led by a class that earned it";
}

TEST_F(LaneTest, NobodyIsOvertakenForLongerThanAllowed) {
  Add(1, 9, Priority::kBatch);  // never fits beside the leaders
  for (int id = 2; id <= 5; ++id) Add(id, 2, Priority::kBatch);
  for (int id = 11; id <= 14; ++id) Add(id, 6);
  EXPECT_THAT(Next({.tokens = 8}), ElementsAre(11, 2));
  now_ += absl::Milliseconds(50);
  EXPECT_THAT(Next({.tokens = 8}), ElementsAre(12, 3));
  now_ += absl::Nanoseconds(1);
  EXPECT_THAT(Next({.tokens = 8}), ElementsAre(13));
}

TEST_F(LaneTest, LooksAtABoundedNumberOfTasksBehindTheFirstThatDoesNotFit) {
  Add(1, 6);
  for (size_t id = 2; id <= Lane::kLookAhead; ++id) Add(static_cast<int>(id), 9);
  Add(100, 1);
  Add(101, 1);
  EXPECT_THAT(Next({.tokens = 10}), ElementsAre(1, 100));
  for (int id = 200; id < 300; ++id) Add(id, 1);
  EXPECT_EQ(Next({.tokens = 1000}).size(), Lane::kLookAhead + 100) << "there is no bound on tasks that fit";
}

TEST_F(LaneTest, KnowsWhatWaits) {
  EXPECT_EQ(lane_.OldestTime(), absl::InfiniteFuture());
  Add(1, 3, Priority::kBackground);
  now_ += absl::Seconds(1);
  Add(2, 4);
  EXPECT_EQ(lane_.size().tokens, 7);
  EXPECT_EQ(lane_.size().square_tokens, 25);
  EXPECT_EQ(lane_.OldestTime(), now_ - absl::Seconds(1));
  EXPECT_EQ(lane_.Oldest(Priority::kBatch), nullptr);
}

}  // namespace
}  // namespace vitok
