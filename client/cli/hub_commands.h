// Models on this machine: `vitok models pull`, `verify` and `cached`. They ask no vitok-server.
#pragma once

#include <CLI/CLI.hpp>

#include "client/cli/environment.h"
#include "client/cli/exit_code.h"

namespace vitok {

// Adds them below `models`; as the functions of commands.h.
void AddHubCommands(CLI::App& models, const Environment& environment, Action* action);

}  // namespace vitok
