// What encode, decode and reconstruct share: their options, and the way of many files through one server.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/connection.h"
#include "client/cli/file_plan.h"
#include "client/cli/file_report.h"
#include "client/cli/priority_option.h"
#include "client/cli/reporter.h"

namespace vitok {

struct FileCommandOptions {
  ConnectionOptions connection;
  std::string model;  // empty: the server's default
  std::string priority = kDefaultPriority;
  std::string traceparent;  // empty: none
  std::vector<std::string> inputs;
  std::string output;
  int in_flight = 4;
};

// Adds the inputs (described by `inputs_help`), -o, --model, --in-flight, --priority, --traceparent and the options of
// a connection.
void AddFileOptions(CLI::App& command, const Environment& environment, const std::string& inputs_help,
                    FileCommandOptions* options);

// Adds --preprocess, for the commands that send pictures.
void AddPreprocessOption(CLI::App& command, std::string* preprocess);

// The server and the models it has, as seen when the command began.
struct Server {
  const TokenizerClient& client;
  const std::vector<ModelInfo>& models;

  // The model of that name, or for "" the default one. nullptr if the server has none.
  const ModelInfo* FindModel(std::string_view name) const;
};

// What one command does to files.
struct FileCommand {
  std::vector<std::string> input_extensions;  // taken from folders
  std::string output_extension;               // of files in an output folder
  ResultColumn result_column = ResultColumn::kNone;
  // Refuses a job for wrong usage before anything is sent.
  std::function<absl::Status(const FileJob& job)> check = [](const FileJob&) { return absl::OkStatus(); };
  // One file: read, call, write. The output's folder exists. Runs on several threads at once.
  std::function<absl::StatusOr<FileReport>(const Server& server, const FileJob& job)> work;
};

// Plans the files, connects, works on them with `in_flight` requests at a time and reports each in order. A file that
// fails does not stop the others.
ExitCode RunFiles(const FileCommandOptions& options, const FileCommand& command);

}  // namespace vitok
