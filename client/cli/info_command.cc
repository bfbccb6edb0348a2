#include <cstdio>
#include <memory>

#include "client/cli/commands.h"
#include "client/cli/connection.h"
#include "client/cli/file_report.h"
#include "client/cli/server_report.h"
#include "core/base/status_macros.h"

namespace vitok {
namespace {

absl::StatusOr<ServerInfo> FetchInfo(const ConnectionOptions& options) {
  VITOK_ASSIGN_OR_RETURN(const auto client, Connect(options));
  return client->GetServerInfo();
}

ExitCode RunInfo(const ConnectionOptions& options) {
  const absl::StatusOr<ServerInfo> info = FetchInfo(options);
  if (!info.ok()) {
    PrintError(info.status());
    return ExitCodeOf(info.status());
  }
  std::printf("%s", options.json ? (OneLine(ToJson(*info)) + "\n").c_str() : InfoText(*info).c_str());
  return ExitCode::kOk;
}

}  // namespace

void AddInfoCommand(CLI::App& program, const Environment& environment, Action* action) {
  CLI::App* const command = program.add_subcommand("info", "Version, build and limits of the server");
  const auto options = std::make_shared<ConnectionOptions>();
  AddConnectionOptions(*command, environment, options.get());
  command->footer(R"(Examples:
  vitok info
  vitok info --json | jq .limits)");
  command->callback([options, action] { *action = [options] { return RunInfo(*options); }; });
}

}  // namespace vitok
