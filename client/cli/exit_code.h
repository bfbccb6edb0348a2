// How the program ends; part of its interface (vitok --help).
#pragma once

#include <functional>

namespace vitok {

enum class ExitCode {
  kOk = 0,
  kFailed = 1,       // some or all files, or the call
  kUsage = 2,        // the command line makes no sense
  kUnreachable = 3,  // no server answered
};

// What the chosen subcommand does, once the command line has been read.
using Action = std::function<ExitCode()>;

}  // namespace vitok
