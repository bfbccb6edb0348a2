// The subcommands. Each function adds one to the program; when the command line names it, *action becomes its work.
// `action` must outlive the parsing.
#pragma once

#include <CLI/CLI.hpp>

#include "client/cli/environment.h"
#include "client/cli/exit_code.h"

namespace vitok {

void AddEncodeCommand(CLI::App& program, const Environment& environment, Action* action);
void AddDecodeCommand(CLI::App& program, const Environment& environment, Action* action);
void AddReconstructCommand(CLI::App& program, const Environment& environment, Action* action);
void AddModelsCommand(CLI::App& program, const Environment& environment, Action* action);
void AddBenchCommand(CLI::App& program, const Environment& environment, Action* action);
void AddAdminCommand(CLI::App& program, const Environment& environment, Action* action);
void AddInfoCommand(CLI::App& program, const Environment& environment, Action* action);

}  // namespace vitok
