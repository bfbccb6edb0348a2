#include "server/warm_up.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "server/device_worker.h"
#include "tests/support/fake_tokenizer.h"

namespace vitok {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class WarmUpTest : public ::testing::Test {
 protected:
  WarmUpTest() {
    const auto load = [this](const LoadOptions&) {
      auto tokenizer = std::make_unique<FakeTokenizer>(2, control_);
      tokenizer_ = tokenizer.get();
      return tokenizer;
    };
    model_ = *LoadModel({.name = "fake"}, {}, load);
    model_->worker = &worker_;
  }

  // The budget of the worker is that of its warm-ups.
  static constexpr BatchBudget kBudget = {.tokens = 4096};

  ServerMetrics metrics_{"test"};
  DeviceWorker worker_{{.device = "cpu", .batching = {.budget = kBudget, .prefetch = 1}}, &metrics_};
  std::shared_ptr<FakeTokenizerControl> control_ = std::make_shared<FakeTokenizerControl>();
  FakeTokenizer* tokenizer_ = nullptr;
  std::shared_ptr<LoadedModel> model_;
};

TEST_F(WarmUpTest, RunsTheSmallestAnOddAndAFullBatchOfEveryOp) {
  const auto costs = WarmUp(model_, kBudget, absl::Seconds(100));
  ASSERT_TRUE(costs.ok()) << costs.status();
  EXPECT_THAT(*costs,
              UnorderedElementsAre(Pair(TokenizerOp::kEncode, ::testing::_), Pair(TokenizerOp::kDecode, ::testing::_),
                                   Pair(TokenizerOp::kReconstruct, ::testing::_)));
  for (const auto& [op, cost] : *costs) EXPECT_TRUE(cost.fitted());
  EXPECT_THAT(control_->batches(), Contains(ElementsAre(1)).Times(6)) << "the first one twice";
  EXPECT_THAT(control_->batches(), Contains(ElementsAre(33)).Times(3));
  EXPECT_THAT(control_->batches(), Contains(ElementsAre(1024, 1024, 1024, 1024)).Times(3));
}

TEST_F(WarmUpTest, StopsWhenTheTimeIsUp) {
  control_->hook = [](const std::vector<int64_t>&) {  // longer than the limit, whatever the clock
    const absl::Time start = absl::Now();
    while (absl::Now() - start < absl::Nanoseconds(3)) {
    }
    return absl::OkStatus();
  };
  const auto costs = WarmUp(model_, kBudget, absl::Nanoseconds(3));
  ASSERT_TRUE(costs.ok());
  EXPECT_EQ(control_->batches().size(), 3 * 4);
}

TEST_F(WarmUpTest, LeavesOutWhatTheModelCannotDo) {
  tokenizer_->mutable_info().can_decode = false;
  const auto costs = WarmUp(model_, kBudget, absl::Seconds(100));
  ASSERT_TRUE(costs.ok());
  EXPECT_THAT(*costs, ElementsAre(Pair(TokenizerOp::kEncode, ::testing::_)));
}

TEST_F(WarmUpTest, ReportsAModelThatDoesNotRun) {
  control_->hook = [](const std::vector<int64_t>&) { return absl::InternalError("no kernel"); };
  EXPECT_EQ(WarmUp(model_, kBudget, absl::Seconds(1)).status(), absl::InternalError("no kernel"));
}

TEST_F(WarmUpTest, EndsWhenTheWorkerDoes) {
  worker_.Shutdown();
  EXPECT_TRUE(absl::IsUnavailable(WarmUp(model_, kBudget, absl::Seconds(1)).status()));
}

}  // namespace
}  // namespace vitok
