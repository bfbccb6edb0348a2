// Options that every subcommand has, and the connection they describe.
#pragma once

#include <CLI/CLI.hpp>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/credential_options.h"
#include "client/cli/environment.h"
#include "client/cli/exit_code.h"
#include "client/tokenizer_client.h"

namespace vitok {

struct ConnectionOptions {
  std::string server = "127.0.0.1:8500";
  CredentialOptions credentials;
  double deadline_s = 60;
  bool json = false;
};

// Whether this says where a server listens, as a check of CLI11: "" or what is wrong.
std::string CheckServer(const std::string& server);

// TLS and the token.
void AddCredentialOptions(CLI::App& command, const Environment& environment, CredentialOptions* options);

// Reads what they name into `client`; errors of ReadFile.
absl::Status ReadCredentials(const CredentialOptions& options, TokenizerClientOptions* client);

void AddConnectionOptions(CLI::App& command, const Environment& environment, ConnectionOptions* options);

// A client for these options. INVALID_ARGUMENT: a malformed server or deadline, credentials that cannot be used; errors
// of ReadFile.
absl::StatusOr<std::unique_ptr<TokenizerClient>> Connect(const ConnectionOptions& options, bool wait_for_ready = false);

// "vitok: INVALID_ARGUMENT: message" on standard error; with a file, its name before the code.
void PrintError(const absl::Status& status);
void PrintError(const std::string& file, const absl::Status& status);

// kUnreachable if no server answered, else kFailed. REQUIRES: !status.ok().
ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace vitok
