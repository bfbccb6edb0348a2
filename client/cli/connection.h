// Options that every subcommand has, and the connection they describe.
#pragma once

#include <CLI/CLI.hpp>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/exit_code.h"
#include "client/tokenizer_client.h"

namespace vitok {

struct ConnectionOptions {
  std::string server = "127.0.0.1:8500";
  double deadline_s = 60;
  bool json = false;
};

// Whether this says where a server listens, as a check of CLI11: "" or what is wrong.
std::string CheckServer(const std::string& server);

void AddConnectionOptions(CLI::App& command, ConnectionOptions* options);

// A client for these options. INVALID_ARGUMENT: a malformed server or deadline.
absl::StatusOr<std::unique_ptr<TokenizerClient>> Connect(const ConnectionOptions& options, bool wait_for_ready = false);

// "vitok: INVALID_ARGUMENT: message" on standard error; with a file, its name before the code.
void PrintError(const absl::Status& status);
void PrintError(const std::string& file, const absl::Status& status);

// kUnreachable if no server answered, else kFailed. REQUIRES: !status.ok().
ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace vitok
