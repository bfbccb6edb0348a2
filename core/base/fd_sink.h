// Where log lines go: a file descriptor that may fail or block.
#pragma once

#include <spdlog/sinks/base_sink.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string_view>

namespace vitok {

// Writes each line with write(2), at once. A line that cannot be written is lost and counted; whoever logs goes on:
// after a full disk, a reader that has gone (SIGPIPE is ignored from the first FdSink on), or a pipe or terminal that
// takes nothing. For such a one the first line waits a little, the next ones not at all until it takes some again.
// Only a file system that blocks can still block. Thread-safe.
class FdSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  // Neither `fd` nor `lost_lines` is owned; both must outlive the sink.
  FdSink(int fd, std::atomic<int64_t>* lost_lines);

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}

 private:
  // False: not all of it could be written.
  bool Write(std::string_view text);
  bool WaitUntilWritable();

  const int fd_;
  std::atomic<int64_t>* const lost_lines_;
  bool stuck_ = false;     // the last line found nobody who took it
  bool cut_line_ = false;  // the last line was written in part
};

}  // namespace vitok
