// Targets for coverage-guided fuzzing: what reads bytes from outside, and what it promises about them. Each lies in a
// file of its own, which is built twice: alone with libFuzzer (libfuzzer_main.cc, `make fuzz`), and with all others
// into a test that runs the seeds and the inputs of tests/fuzz/regressions/<target>/ (replay_test.cc).
#pragma once

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace vitok {

//   const bool registered = RegisterFuzzTarget({.name = "variant", .run = &Run, .seeds = &Seeds});
struct FuzzTarget {
  std::string name;  // of its file, <name>_fuzz.cc, and of its folder of regressions
  // Feeds the input to the code under test, and Requires what that promises. Must depend on the input alone.
  std::function<void(std::string_view input)> run;
  // Well-formed inputs that mutation starts from, made from files of the repository (the working directory is its
  // root). Throws if one is missing.
  std::function<std::vector<std::string>()> seeds;
  // Mends what a mutation is certain to break, such as a checksum, so that it gets beyond the first check. Optional.
  std::function<void(std::string& input)> repair;
};

// For messages of GoogleTest.
inline void PrintTo(const FuzzTarget& target, std::ostream* stream) { *stream << target.name; }

// Adds a target to FuzzTargets(); for initialisers of constants, hence the result, which is always true.
bool RegisterFuzzTarget(FuzzTarget target);

// In the order of their names.
const std::vector<FuzzTarget>& FuzzTargets();

// Throws std::logic_error with `promise` unless `kept`. libFuzzer takes the exception for a crash.
void Require(bool kept, std::string_view promise);

// Requires an error that a caller may be shown: INVALID_ARGUMENT and a message.
void RequireRefusal(const absl::Status& status);

// A promise about the failure of what should not fail: throws with the status's text unless it is OK.
void RequireOk(const absl::Status& status, std::string_view promise);

// For seeds. Throws if there is no such file.
std::string ReadFuzzFile(const std::string& path);

// All regular files of a folder, in the order of their names; none if there is no such folder.
std::vector<std::string> FilesOf(const std::string& folder);

}  // namespace vitok
