#include "core/base/fd_sink.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace vitok {
namespace {

constexpr int kPatienceMs = 10;

}  // namespace

FdSink::FdSink(int fd, std::atomic<int64_t>* lost_lines) : fd_(fd), lost_lines_(lost_lines) {
  signal(SIGPIPE, SIG_IGN);
}

void FdSink::sink_it_(const spdlog::details::log_msg& message) {
  spdlog::memory_buf_t line;
  if (cut_line_) line.push_back('\n');
  formatter_->format(message, line);
  if (!Write({line.data(), line.size()})) lost_lines_->fetch_add(1, std::memory_order_relaxed);
}

// A pipe that poll calls writable takes PIPE_BUF bytes without blocking, so more than that goes in parts.
bool FdSink::Write(std::string_view text) {
  while (!text.empty()) {
    if (!WaitUntilWritable()) return false;
    const ssize_t written = write(fd_, text.data(), std::min<size_t>(text.size(), PIPE_BUF));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
    cut_line_ = !text.empty();
  }
  return true;
}

bool FdSink::WaitUntilWritable() {
  pollfd target = {.fd = fd_, .events = POLLOUT, .revents = 0};
  const int ready = poll(&target, 1, stuck_ ? 0 : kPatienceMs);
  stuck_ = ready == 0;
  return ready != 0;  // errors are for write to find
}

}  // namespace vitok
