#include "tests/support/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace vitok {
namespace {

std::string ReadAll(int fd) {
  std::string text;
  char buffer[1 << 14];
  off_t offset = 0;
  for (ssize_t count; (count = pread(fd, buffer, sizeof(buffer), offset)) > 0; offset += count) {
    text.append(buffer, count);
  }
  return text;
}

}  // namespace

Subprocess::Subprocess(const std::vector<std::string>& arguments)
    : out_fd_(memfd_create("stdout", MFD_CLOEXEC)), err_fd_(memfd_create("stderr", MFD_CLOEXEC)) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ != 0) return;
  // The child: async-signal-safe calls only. It must not outlive a test that crashes.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
  dup2(out_fd_, STDOUT_FILENO);
  dup2(err_fd_, STDERR_FILENO);
  execv(argv[0], argv.data());
  _exit(127);
}

Subprocess::~Subprocess() {
  if (!has_ended_) {
    Signal(SIGKILL);
    Reap(absl::InfiniteDuration());
  }
  close(out_fd_);
  close(err_fd_);
}

void Subprocess::Signal(int signal) {
  if (!has_ended_) kill(pid_, signal);
}

std::string Subprocess::err() const { return ReadAll(err_fd_); }

bool Subprocess::HasEnded() { return Reap(absl::ZeroDuration()); }

ProgramResult Subprocess::Wait(absl::Duration timeout) {
  if (!Reap(timeout)) {
    Signal(SIGKILL);
    Reap(absl::InfiniteDuration());
  }
  ProgramResult result;
  if (WIFEXITED(wait_status_)) result.exit_code = WEXITSTATUS(wait_status_);
  if (WIFSIGNALED(wait_status_)) result.signal = WTERMSIG(wait_status_);
  result.out = ReadAll(out_fd_);
  result.err = err();
  return result;
}

bool Subprocess::Reap(absl::Duration timeout) {
  if (has_ended_) return true;
  // A pidfd becomes readable when the process ends: no polling.
  const int pid_fd = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  pollfd ended = {.fd = pid_fd, .events = POLLIN, .revents = 0};
  const int64_t timeout_ms = timeout == absl::InfiniteDuration() ? -1 : absl::ToInt64Milliseconds(timeout);
  while (poll(&ended, 1, static_cast<int>(timeout_ms)) < 0 && errno == EINTR) {
  }
  close(pid_fd);
  has_ended_ = waitpid(pid_, &wait_status_, WNOHANG) == pid_;
  return has_ended_;
}

ProgramResult RunProgram(const std::vector<std::string>& arguments) { return Subprocess(arguments).Wait(); }

}  // namespace vitok
