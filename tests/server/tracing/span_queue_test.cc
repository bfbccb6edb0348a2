#include "server/tracing/span_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/server/tracing/span_sources.h"

namespace vitok {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr absl::Duration kNever = absl::Hours(1);

std::vector<std::string> NamesOf(const std::vector<std::unique_ptr<SpanSource>>& sources) {
  std::vector<std::string> names;
  for (const std::unique_ptr<SpanSource>& source : sources) {
    std::vector<Span> spans;
    source->AppendSpans(spans);
    names.push_back(spans.front().name);
  }
  return names;
}

TEST(SpanQueueTest, GivesWhatWaitsWhenTheDelayIsOver) {
  SpanQueue queue(10, absl::ZeroDuration());
  EXPECT_EQ(queue.Push(Spans("a")), 0);
  EXPECT_EQ(queue.Push(Spans("b", 3)), 0);
  EXPECT_EQ(queue.size(), 4);
  EXPECT_THAT(NamesOf(queue.Take()), ElementsAre("a", "b"));
  EXPECT_EQ(queue.size(), 0);
}

TEST(SpanQueueTest, GivesAFullBatchBeforeTheDelayIsOver) {
  SpanQueue queue(10'000, kNever);
  std::thread consumer([&queue] { EXPECT_THAT(NamesOf(queue.Take()), ElementsAre("a", "b")); });
  EXPECT_EQ(queue.Push(Spans("a")), 0);
  EXPECT_EQ(queue.Push(Spans("b", SpanQueue::kBatchSpans - 1)), 0);
  consumer.join();
}

TEST(SpanQueueTest, SplitsWhatIsMoreThanABatch) {
  SpanQueue queue(10'000, absl::ZeroDuration());
  queue.Push(Spans("a", SpanQueue::kBatchSpans - 1));
  queue.Push(Spans("b", 2));
  queue.Push(Spans("large", SpanQueue::kBatchSpans + 1));
  EXPECT_THAT(NamesOf(queue.Take()), ElementsAre("a"));
  EXPECT_THAT(NamesOf(queue.Take()), ElementsAre("b"));
  EXPECT_THAT(NamesOf(queue.Take()), ElementsAre("large"));
}

TEST(SpanQueueTest, RefusesWhatDoesNotFit) {
  SpanQueue queue(5, absl::ZeroDuration());
  EXPECT_EQ(queue.Push(Spans("a", 3)), 0);
  EXPECT_EQ(queue.Push(Spans("b", 3)), 3);
  EXPECT_EQ(queue.Push(Spans("c", 2)), 0);
  EXPECT_EQ(queue.Push(Spans("d", 1)), 1);
  EXPECT_THAT(NamesOf(queue.Take()), ElementsAre("a", "c"));
  EXPECT_EQ(queue.Push(Spans("e", 5)), 0);
}

TEST(SpanQueueTest, ShutdownGivesOutTheRestAndEnds) {
  SpanQueue queue(10, kNever);
  queue.Push(Spans("a"));
  queue.Shutdown();
  EXPECT_EQ(queue.Push(Spans("late")), 1);
  EXPECT_THAT(NamesOf(queue.Take()), ElementsAre("a"));
  EXPECT_THAT(queue.Take(), IsEmpty());
}

TEST(SpanQueueTest, ShutdownWakesTheConsumer) {
  SpanQueue queue(10, kNever);
  std::thread consumer([&queue] { EXPECT_THAT(queue.Take(), IsEmpty()); });
  queue.Shutdown();
  consumer.join();
}

}  // namespace
}  // namespace vitok
