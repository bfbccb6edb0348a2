// The command line of `vitok bench`.
#pragma once

#include <CLI/CLI.hpp>

#include "absl/status/status.h"
#include "client/bench/bench_options.h"

namespace vitok {

// Adds all options, and the help that explains them. `options` must outlive the parsing.
void AddBenchOptions(CLI::App& command, BenchOptions* options);

// Checks what belongs together and fills in the defaults that depend on other options (input, latents, duration).
// INVALID_ARGUMENT naming the options that do not fit each other, or the part of the sizes that is wrong.
absl::Status CompleteBenchOptions(BenchOptions* options);

}  // namespace vitok
