// A program that a test starts, talks to by signals and waits for.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace vitok {

// How a program ended and what it wrote.
struct ProgramResult {
  int exit_code = -1;  // -1: ended by a signal
  int signal = 0;      // that ended it, 0: none
  std::string out;
  std::string err;
};

// A running program with its output in files. Killed, if it still runs, on destruction. For one thread.
//
//   Subprocess server({"build/release/bin/vitok-server", "--config", path});
//   server.Signal(SIGTERM);
//   ProgramResult result = server.Wait();
class Subprocess {
 public:
  // Starts arguments[0] (a path) in the current folder, with no standard input. A program that cannot be started ends
  // with exit code 127.
  explicit Subprocess(const std::vector<std::string>& arguments);
  ~Subprocess();
  Subprocess(const Subprocess&) = delete;
  Subprocess& operator=(const Subprocess&) = delete;

  void Signal(int signal);

  pid_t pid() const { return pid_; }

  // What it wrote to its standard error so far.
  std::string err() const;

  bool HasEnded();

  // Waits for the end; a program that takes longer than `timeout` is killed (and its result shows SIGKILL).
  ProgramResult Wait(absl::Duration timeout = absl::Seconds(120));

 private:
  bool Reap(absl::Duration timeout);

  pid_t pid_ = -1;
  int out_fd_ = -1;
  int err_fd_ = -1;
  bool has_ended_ = false;
  int wait_status_ = 0;
};

// Runs a program to its end.
ProgramResult RunProgram(const std::vector<std::string>& arguments);

}  // namespace vitok
