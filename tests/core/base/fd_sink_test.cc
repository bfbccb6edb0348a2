#include "core/base/fd_sink.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <unistd.h>

#include <memory>
#include <string>

namespace vitok {
namespace {

class FdSinkTest : public testing::Test {
 protected:
  // A logger whose lines are the messages alone.
  std::unique_ptr<spdlog::logger> Logger(int fd) {
    auto logger = std::make_unique<spdlog::logger>("", std::make_shared<FdSink>(fd, &lost_));
    logger->set_pattern("%v");
    return logger;
  }

  void OpenPipe() { ASSERT_EQ(pipe(pipe_), 0); }

  // What has been written into the pipe; not for an empty one.
  std::string ReadPipe() {
    std::string text(1 << 20, '\0');
    text.resize(read(pipe_[0], text.data(), text.size()));
    return text;
  }

  std::atomic<int64_t> lost_{0};
  int pipe_[2] = {-1, -1};
};

TEST_F(FdSinkTest, WritesEachLineAtOnce) {
  OpenPipe();
  const auto logger = Logger(pipe_[1]);
  logger->info("a");
  EXPECT_EQ(ReadPipe(), "a\n");
  logger->info("{}", std::string(10000, 'x'));
  EXPECT_EQ(ReadPipe(), std::string(10000, 'x') + "\n");
  EXPECT_EQ(lost_, 0);
}

TEST_F(FdSinkTest, F25_CountsTheLinesThatAFullDiskDoesNotTake) {
  const int full = open("/dev/full", O_WRONLY);
  ASSERT_GE(full, 0);
  const auto logger = Logger(full);
  for (int i = 0; i < 3; ++i) logger->info("line");
  EXPECT_EQ(lost_, 3);
  close(full);
}

TEST_F(FdSinkTest, F25_OutlivesTheReaderOfItsPipe) {
  OpenPipe();
  const auto logger = Logger(pipe_[1]);
  close(pipe_[0]);
  logger->info("line");
  EXPECT_EQ(lost_, 1);
}

TEST_F(FdSinkTest, F25_NeverBlocksOnAPipeThatNobodyReads) {
  OpenPipe();
  const auto logger = Logger(pipe_[1]);
  const std::string line(1000, 'x');
  for (int i = 0; i < 1000; ++i) logger->info(line);  // more than a pipe holds
  EXPECT_GT(lost_, 0);
  EXPECT_LT(lost_, 1000);
  const int64_t lost = lost_;
  while (ReadPipe().size() == 1 << 20) {
  }
  logger->info("after");
  EXPECT_EQ(ReadPipe(), "after\n");
  EXPECT_EQ(lost_, lost);
}

TEST_F(FdSinkTest, BeginsANewLineAfterOneThatWasCut) {
  OpenPipe();
  const auto logger = Logger(pipe_[1]);
  logger->info("{}", std::string(1 << 20, 'x'));  // more than the pipe holds
  EXPECT_EQ(lost_, 1);
  EXPECT_EQ(ReadPipe().find('\n'), std::string::npos);
  logger->info("after");
  EXPECT_EQ(ReadPipe(), "\nafter\n");
}

}  // namespace
}  // namespace vitok
