#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

#include "absl/time/clock.h"
#include "client/cli/commands.h"
#include "client/cli/connection.h"
#include "client/cli/file_report.h"
#include "client/cli/hub_commands.h"
#include "client/cli/server_report.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

// A server that loads its models answers UNAVAILABLE or without any: asked again this often.
constexpr absl::Duration kPollInterval = absl::Milliseconds(100);

struct ModelsCommandOptions {
  ConnectionOptions connection;
  double wait_s = 0;  // 0: do not wait
};

// Asks until the server answers with its models or wait_s have passed.
absl::StatusOr<std::vector<ModelInfo>> WaitForModels(const ModelsCommandOptions& options) {
  const absl::Time end = absl::Now() + absl::Seconds(options.wait_s);
  while (true) {
    ConnectionOptions connection = options.connection;
    connection.deadline_s = std::max(absl::ToDoubleSeconds(end - absl::Now()), 1e-3);
    VITOK_ASSIGN_OR_RETURN(const auto client, Connect(connection, /*wait_for_ready=*/true));
    absl::StatusOr<std::vector<ModelInfo>> models = client->ListModels();
    if (models.ok() && models->empty()) models = absl::UnavailableError("the server has no model yet");
    if (models.ok() || (!absl::IsUnavailable(models.status()) && !absl::IsDeadlineExceeded(models.status()))) {
      return models;
    }
    if (absl::Now() + kPollInterval >= end) break;
    absl::SleepFor(kPollInterval);
  }
  // A call that does not wait is told why there is no connection.
  ConnectionOptions connection = options.connection;
  connection.deadline_s = 1;
  VITOK_ASSIGN_OR_RETURN(const auto client, Connect(connection));
  absl::StatusOr<std::vector<ModelInfo>> models = client->ListModels();
  if (models.ok()) return models;
  return absl::UnavailableError(StrCat(models.status().message(), " (waited ", options.wait_s, " s)"));
}

absl::StatusOr<std::vector<ModelInfo>> FetchModels(const ModelsCommandOptions& options) {
  VITOK_ASSIGN_OR_RETURN(const auto client, Connect(options.connection));
  return options.wait_s > 0 ? WaitForModels(options) : client->ListModels();
}

ExitCode RunModels(const ModelsCommandOptions& options) {
  const absl::StatusOr<std::vector<ModelInfo>> models = FetchModels(options);
  if (!models.ok()) {
    PrintError(models.status());
    return ExitCodeOf(models.status());
  }
  if (!options.connection.json) {
    std::printf("%s", ModelTable(*models).c_str());
    return ExitCode::kOk;
  }
  for (const ModelInfo& model : *models) std::printf("%s\n", OneLine(ToJson(model)).c_str());
  return ExitCode::kOk;
}

}  // namespace

void AddModelsCommand(CLI::App& program, const Environment& environment, Action* action) {
  CLI::App* const command =
      program.add_subcommand("models", "The models that a server has; pull, verify: those of the model hub");
  const auto options = std::make_shared<ModelsCommandOptions>();
  AddConnectionOptions(*command, environment, &options->connection);
  command->add_option("--wait", options->wait_s, "Seconds to wait until the server answers")
      ->check(CLI::NonNegativeNumber);
  command->footer(R"(Without a subcommand: the models that the server has; * marks the default. Exit code 0 once it
answers, 3 if it does not. The subcommands are about models of the model hub on this machine, and ask no server.
Examples:
  vitok models
  vitok models --wait 60 --server unix:/run/vitok.sock
  vitok models --json | jq -r .name
  vitok models pull 350M-f16x64)");
  AddHubCommands(*command, environment, action);
  command->require_subcommand(0, 1);
  command->callback([command, options, action] {
    if (command->get_subcommands().empty()) *action = [options] { return RunModels(*options); };
  });
}

}  // namespace vitok
