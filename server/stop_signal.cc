#include "server/stop_signal.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>

namespace vitok {
namespace {

// A handler may touch nothing but atomics and write(): the pipe takes the signal's number to the waiting thread.
int pipe_ends[2] = {-1, -1};
std::atomic<int> signals_seen{0};

void OnSignal(int signal) {
  if (signals_seen.fetch_add(1) > 0) _exit(EXIT_FAILURE);
  const int saved_errno = errno;
  const unsigned char number = static_cast<unsigned char>(signal);
  [[maybe_unused]] const ssize_t written = write(pipe_ends[1], &number, 1);
  errno = saved_errno;
}

void SetHandler(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
}

void ExitCleanly(int) { _exit(EXIT_SUCCESS); }

}  // namespace

StopSignal::StopSignal() {
  signals_seen = 0;
  // Fails only without file descriptors, and then nothing could be served either.
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) std::abort();
  SetHandler(&ExitCleanly);
}

void StopSignal::KeepSignals() { SetHandler(&OnSignal); }

void StopSignal::Wake() {
  const unsigned char none = 0;
  [[maybe_unused]] const ssize_t written = write(pipe_ends[1], &none, 1);
}

StopSignal::~StopSignal() {
  SetHandler(SIG_DFL);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

int StopSignal::Wait() {
  unsigned char number = 0;
  while (read(pipe_ends[0], &number, 1) < 0 && errno == EINTR) {
  }
  return number;
}

}  // namespace vitok
