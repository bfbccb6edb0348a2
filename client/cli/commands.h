// The subcommands. Each function adds one to the program; when the command line names it, *action becomes its work.
// `action` must outlive the parsing.
#pragma once

#include <CLI/CLI.hpp>

#include "client/cli/exit_code.h"

namespace vitok {

void AddEncodeCommand(CLI::App& program, Action* action);
void AddDecodeCommand(CLI::App& program, Action* action);
void AddReconstructCommand(CLI::App& program, Action* action);
void AddModelsCommand(CLI::App& program, Action* action);
void AddBenchCommand(CLI::App& program, Action* action);
void AddInfoCommand(CLI::App& program, Action* action);

}  // namespace vitok
