#include "client/cli/connection.h"

#include <cstdio>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "client/call_status.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

void PrintErrorLine(const std::string& line) {
  // One line a problem, whatever the server wrote.
  std::fprintf(stderr, "vitok: %s\n", absl::StrReplaceAll(line, {{"\n", " "}, {"\r", " "}}).c_str());
}

}  // namespace

std::string CheckServer(const std::string& server) {
  return std::string(TokenizerClient::Create(server).status().message());
}

void AddConnectionOptions(CLI::App& command, ConnectionOptions* options) {
  command.add_option("--server", options->server, "Where the server listens: host:port or unix:/path")
      ->check(CLI::Validator(CheckServer, ""))
      ->capture_default_str();
  command.add_option("--deadline", options->deadline_s, "Seconds that one request may take")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_flag("--json", options->json, "Print JSON lines instead of a table");
}

absl::StatusOr<std::unique_ptr<TokenizerClient>> Connect(const ConnectionOptions& options, bool wait_for_ready) {
  return TokenizerClient::Create(options.server, {.deadline = absl::Seconds(options.deadline_s),
                                                  .max_message_bytes = int64_t{1} << 31,
                                                  .wait_for_ready = wait_for_ready});
}

void PrintError(const absl::Status& status) {
  PrintErrorLine(StrCat(absl::StatusCodeToString(status.code()), ": ", status.message()));
}

void PrintError(const std::string& file, const absl::Status& status) {
  absl::string_view message = status.message();
  const std::string prefix = file + ": ";
  if (absl::StartsWith(message, prefix)) message.remove_prefix(prefix.size());
  PrintErrorLine(StrCat(prefix, absl::StatusCodeToString(status.code()), ": ", message));
}

ExitCode ExitCodeOf(const absl::Status& status) {
  return IsUnreachable(status) ? ExitCode::kUnreachable : ExitCode::kFailed;
}

}  // namespace vitok
