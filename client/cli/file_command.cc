#include "client/cli/file_command.h"

#include <algorithm>
#include <memory>
#include <string>

#include "client/cli/file_io.h"
#include "client/cli/run_in_order.h"
#include "client/traceparent.h"
#include "core/base/status_macros.h"

namespace vitok {
namespace {

absl::StatusOr<std::vector<FileJob>> PlanCheckedFiles(const FileCommandOptions& options, const FileCommand& command) {
  VITOK_ASSIGN_OR_RETURN(std::vector<FileJob> jobs, PlanFiles({.inputs = options.inputs,
                                                               .output = options.output,
                                                               .extensions = command.input_extensions,
                                                               .output_extension = command.output_extension}));
  for (const FileJob& job : jobs) VITOK_RETURN_IF_ERROR(command.check(job));
  return jobs;
}

}  // namespace

void AddFileOptions(CLI::App& command, const Environment& environment, const std::string& inputs_help,
                    FileCommandOptions* options) {
  command.add_option("inputs", options->inputs, inputs_help)->required()->type_name("IN");
  command
      .add_option("-o,--output", options->output,
                  "File for one input, else a folder (made if needed); names are kept, suffixes replaced")
      ->required()
      ->type_name("OUT");
  command.add_option("--model", options->model, "Name of the model (see `vitok models`); default: the server's");
  command.add_option("--in-flight", options->in_flight, "Requests sent at a time")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  AddPriorityOption(command, &options->priority);
  command
      .add_option("--traceparent", options->traceparent,
                  "W3C trace context that the requests become a part of (see docs/TRACING.md)")
      ->check([](const std::string& text) { return std::string(CheckTraceparent(text).message()); })
      ->type_name("00-TRACE-SPAN-FLAGS");
  AddConnectionOptions(command, environment, &options->connection);
}

void AddPreprocessOption(CLI::App& command, std::string* preprocess) {
  command.add_option("--preprocess", *preprocess,
                     "Preprocessing in place of the model's own, e.g. "
                     "\"resize_longest_side(256)|to_tensor|normalize|patchify(16, 256)\"");
}

const ModelInfo* Server::FindModel(std::string_view name) const {
  const auto found = std::find_if(models.begin(), models.end(), [name](const ModelInfo& model) {
    return name.empty() ? model.is_default : model.name == name;
  });
  return found == models.end() ? nullptr : &*found;
}

ExitCode RunFiles(const FileCommandOptions& options, const FileCommand& command) {
  const absl::StatusOr<std::vector<FileJob>> jobs = PlanCheckedFiles(options, command);
  if (!jobs.ok()) {
    PrintError(jobs.status());
    return ExitCode::kUsage;
  }
  const absl::StatusOr<std::unique_ptr<TokenizerClient>> client = Connect(options.connection);
  if (!client.ok()) {
    PrintError(client.status());
    return ExitCode::kUsage;
  }
  const absl::StatusOr<std::vector<ModelInfo>> models = (*client)->ListModels();
  if (!models.ok()) {
    PrintError(models.status());
    return ExitCodeOf(models.status());
  }
  const Server server{**client, *models};
  Reporter reporter(*jobs, command.result_column, options.connection.json);
  const int in_flight = static_cast<int>(std::min<size_t>(options.in_flight, jobs->size()));
  RunInOrder<absl::StatusOr<FileReport>>(
      jobs->size(), in_flight,
      [&](size_t i) -> absl::StatusOr<FileReport> {
        const FileJob& job = (*jobs)[i];
        VITOK_RETURN_IF_ERROR(MakeParentFolder(job.output));
        return command.work(server, job);
      },
      [&](size_t i, absl::StatusOr<FileReport> report) { reporter.Report((*jobs)[i], report); });
  return reporter.Finish();
}

}  // namespace vitok
