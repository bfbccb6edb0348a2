// How batches go through a device that works while the next one is made ready, by a fake device.
#include "server/device_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <new>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"

namespace vitok {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// A device that ends its batches when it is told to.
class FakeDevice {
 public:
  struct Work {
    size_t items = 0;
    absl::Notification done;
    std::function<void()> on_wait;  // may throw
  };

  // Blocks until so many batches have been submitted.
  void AwaitSubmitted(size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto reached = [&] { return work_.size() >= count; };
    mutex_.Await(absl::Condition(&reached));
  }

  Work& work(size_t index) {
    absl::MutexLock lock(&mutex_);
    return *work_[index];
  }

  size_t submitted() {
    absl::MutexLock lock(&mutex_);
    return work_.size();
  }

  void End(size_t index) { work(index).done.Notify(); }

  std::shared_ptr<Work> Submit(size_t items) {
    absl::MutexLock lock(&mutex_);
    work_.push_back(std::make_shared<Work>());
    work_.back()->items = items;
    return work_.back();
  }

  std::function<void(size_t items)> on_submit;  // may throw; set before the first batch

 private:
  absl::Mutex mutex_;
  std::deque<std::shared_ptr<Work>> work_;
};

class FakeDeviceTokenizer : public Tokenizer {
 public:
  explicit FakeDeviceTokenizer(FakeDevice* device) : device_(device) {
    info_.patch_px = 2;
    info_.patch_values = 12;
    info_.device = "cpu";
  }

  const TokenizerInfo& info() const override { return info_; }

  absl::StatusOr<std::unique_ptr<PendingBatch>> Submit(absl::Span<const TokenizerItem> items) override {
    if (device_->on_submit) device_->on_submit(items.size());
    return std::make_unique<Pending>(device_->Submit(items.size()));
  }

 private:
  class Pending : public PendingBatch {
   public:
    explicit Pending(std::shared_ptr<FakeDevice::Work> work) : work_(std::move(work)) {}
    bool IsReady() const override { return work_->done.HasBeenNotified(); }
    absl::StatusOr<std::vector<TokenizerOutput>> Wait(BatchTimes& times) override {
      work_->done.WaitForNotification();
      if (work_->on_wait) work_->on_wait();
      times.compute = absl::Milliseconds(1);
      return std::vector<TokenizerOutput>(work_->items);
    }

   private:
    std::shared_ptr<FakeDevice::Work> work_;
  };

  FakeDevice* const device_;
  TokenizerInfo info_;
};

class DeviceWorkerTest : public ::testing::Test {
 protected:
  DeviceWorkerTest() {
    model_ = *LoadModel({.name = "fake"}, {},
                        [this](const LoadOptions&) { return std::make_unique<FakeDeviceTokenizer>(&device_); });
    options_ = {.device = "cpu", .batching = {.budget = {.tokens = 2}, .max_delay = absl::InfiniteDuration()}};
    options_.on_failure = [this](const absl::Status& status) {
      failure_ = status;
      failed_.Notify();
    };
    metrics_.AddDevice("cpu");
  }

  ~DeviceWorkerTest() override {
    for (size_t i = 0; i < device_.submitted(); ++i) {
      if (!device_.work(i).done.HasBeenNotified()) device_.End(i);
    }
  }

  void Start() { worker_ = std::make_unique<DeviceWorker>(options_, &metrics_); }

  // Queues `images` of one token as one request.
  void Schedule(int images) {
    std::vector<std::unique_ptr<TokenizerTask>> tasks;
    for (int i = 0; i < images; ++i) {
      auto task = std::make_unique<TokenizerTask>();
      task->lane = {model_->id, TokenizerOp::kEncode};
      task->tokens = 1;
      task->model = model_;
      task->item_owner = owner_;
      task->done = [this](const absl::StatusOr<TokenizerOutput>& output, const TaskTimes& times) {
        absl::MutexLock lock(&mutex_);
        answers_.push_back(output.status());
        times_.push_back(times);
      };
      tasks.push_back(std::move(task));
    }
    worker_->Schedule(std::move(tasks));
  }

  std::vector<absl::Status> AwaitAnswers(size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto reached = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return answers_.size() >= count; };
    mutex_.Await(absl::Condition(&reached));
    return answers_;
  }

  FakeDevice device_;
  std::shared_ptr<LoadedModel> model_;
  std::shared_ptr<const void> owner_ = std::make_shared<int>();
  ServerMetrics metrics_{"test"};
  absl::Status failure_;
  absl::Notification failed_;
  absl::Mutex mutex_;
  std::vector<absl::Status> answers_ ABSL_GUARDED_BY(mutex_);
  std::vector<TaskTimes> times_ ABSL_GUARDED_BY(mutex_);
  DeviceWorker::Options options_;
  std::unique_ptr<DeviceWorker> worker_;
};

TEST_F(DeviceWorkerTest, SubmitsTheNextBatchWhileTheDeviceWorks) {
  Start();
  Schedule(7);
  device_.AwaitSubmitted(2);
  EXPECT_EQ(device_.submitted(), 2) << "no more than prefetch";
  device_.End(0);
  EXPECT_THAT(AwaitAnswers(2), ElementsAre(absl::OkStatus(), absl::OkStatus()));
  device_.AwaitSubmitted(3);
  device_.End(1);
  device_.End(2);
  AwaitAnswers(6);
  device_.AwaitSubmitted(4);
  device_.End(3);
  AwaitAnswers(7);
  absl::MutexLock lock(&mutex_);
  EXPECT_TRUE(times_.back().alone);
  EXPECT_FALSE(times_.front().alone);
}

TEST_F(DeviceWorkerTest, ABatchThatIsNotFullWaitsForABusyDevice) {
  Start();
  Schedule(3);
  device_.AwaitSubmitted(1);
  device_.End(0);
  device_.AwaitSubmitted(2);
  EXPECT_EQ(AwaitAnswers(2).size(), 2) << "the first batch is answered before the second begins";
  device_.End(1);
  AwaitAnswers(3);
}

TEST_F(DeviceWorkerTest, InputsAreKeptUntilTheyAreSubmittedOnly) {
  Start();
  Schedule(2);
  device_.AwaitSubmitted(1);
  // The fake returns from Submit right after it is counted.
  while (owner_.use_count() > 1) {
  }
  device_.End(0);
  AwaitAnswers(2);
}

TEST_F(DeviceWorkerTest, F14_MemoryThatRunsOutWaitsForTheBatchesUnderWay) {
  std::atomic<int> attempts = 0;
  device_.on_submit = [&attempts](size_t items) {
    if (++attempts == 2) throw std::bad_alloc();
    if (attempts > 2) {
      EXPECT_EQ(items, 1);
    }
  };
  Start();
  Schedule(4);
  while (attempts < 2) {
  }
  EXPECT_EQ(device_.submitted(), 1);
  device_.End(0);
  device_.AwaitSubmitted(2);
  device_.End(1);
  device_.AwaitSubmitted(3);
  device_.End(2);
  EXPECT_THAT(AwaitAnswers(4), ::testing::Each(absl::OkStatus()));
}

TEST_F(DeviceWorkerTest, F15_AnErrorOfTheDeviceThatComesWithTheResults) {
  Start();
  Schedule(2);
  device_.AwaitSubmitted(1);
  device_.work(0).on_wait = [] { throw c10::AcceleratorError({}, 700, "an illegal memory access was encountered"); };
  device_.End(0);
  const std::vector<absl::Status> answers = AwaitAnswers(2);
  EXPECT_TRUE(absl::IsUnavailable(answers[0]));
  failed_.WaitForNotification();
  EXPECT_THAT(std::string(failure_.message()), HasSubstr("illegal memory access"));
  Schedule(1);
  EXPECT_TRUE(absl::IsUnavailable(AwaitAnswers(3).back()));
}

TEST_F(DeviceWorkerTest, F16_ABatchThatHangsTakesThoseBehindItAlong) {
  options_.hang_timeout = absl::Milliseconds(50);
  Start();
  Schedule(5);
  const std::vector<absl::Status> answers = AwaitAnswers(5);
  int hung = 0, unavailable = 0;
  for (const absl::Status& answer : answers) {
    hung += absl::IsDeadlineExceeded(answer) ? 1 : 0;
    unavailable += absl::IsUnavailable(answer) ? 1 : 0;
  }
  EXPECT_EQ(hung, 2) << "the oldest batch";
  EXPECT_EQ(unavailable, 3);
  failed_.WaitForNotification();
  EXPECT_THAT(std::string(failure_.message()), HasSubstr("runs longer than 50ms"));
}

TEST_F(DeviceWorkerTest, ShutdownAnswersWhatIsSubmitted) {
  Start();
  Schedule(5);
  device_.AwaitSubmitted(2);
  worker_->Shutdown();
  EXPECT_THAT(AwaitAnswers(1), SizeIs(1));
  device_.End(0);
  device_.End(1);
  worker_.reset();
  absl::MutexLock lock(&mutex_);
  EXPECT_THAT(answers_, SizeIs(5));
  EXPECT_EQ(std::count_if(answers_.begin(), answers_.end(), [](const auto& status) { return status.ok(); }), 4);
}

}  // namespace
}  // namespace vitok
