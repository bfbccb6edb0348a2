#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "client/admin_client.h"
#include "client/cli/admin_report.h"
#include "client/cli/commands.h"
#include "client/cli/connection.h"
#include "client/cli/file_report.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

// What all of the commands work with.
struct AdminOptions {
  ConnectionOptions connection = {.server = "127.0.0.1:8502"};
  std::string model;  // "NAME:VERSION"
  std::string alias;
  bool delete_alias = false;
  bool no_wait = false;
  std::string level;
  v1::ModelSpec spec;
};
using AdminOptionsPtr = std::shared_ptr<AdminOptions>;
using Work = std::function<absl::Status(const AdminClient&, const AdminOptions&)>;

constexpr double kLoadDeadlineSeconds = 600;  // large models come from slow disks

struct NameAndVersion {
  std::string name;
  int64_t version = 1;
};

// "NAME" is version 1.
absl::StatusOr<NameAndVersion> ParseModel(const std::string& text) {
  NameAndVersion model{.name = text.substr(0, text.find(':'))};
  const bool has_version = model.name.size() < text.size();
  if (model.name.empty() ||
      (has_version && (!absl::SimpleAtoi(text.substr(model.name.size() + 1), &model.version) || model.version < 1))) {
    return absl::InvalidArgumentError(StrCat("the model must be NAME or NAME:VERSION; was '", text, "'"));
  }
  return model;
}

std::string CheckModel(const std::string& text) { return std::string(ParseModel(text).status().message()); }

void Print(const AdminOptions& options, const nlohmann::ordered_json& json, const std::string& text) {
  std::printf("%s\n", options.connection.json ? OneLine(json).c_str() : text.c_str());
}

absl::Status Load(const AdminClient& client, const AdminOptions& options) {
  v1::LoadModelRequest request;
  *request.mutable_model() = options.spec;
  VITOK_ASSIGN_OR_RETURN(const NameAndVersion model, ParseModel(options.model));
  request.mutable_model()->set_name(model.name);
  request.mutable_model()->set_version(model.version);
  request.set_wait(!options.no_wait);
  VITOK_ASSIGN_OR_RETURN(const v1::LoadModelResponse response, client.LoadModel(request));
  const std::string name = StrCat(model.name, ":", model.version);
  Print(options, ToJson(response.model()),
        options.no_wait ? StrCat(name, " is loading")
                        : StrCat(name, " is ready after ", response.model().load_seconds(), " s"));
  return absl::OkStatus();
}

absl::Status Unload(const AdminClient& client, const AdminOptions& options) {
  v1::UnloadModelRequest request;
  VITOK_ASSIGN_OR_RETURN(const NameAndVersion model, ParseModel(options.model));
  request.set_name(model.name);
  request.set_version(model.version);
  VITOK_RETURN_IF_ERROR(client.UnloadModel(request).status());
  Print(options, {{"name", model.name}, {"version", model.version}, {"state", "UNLOADED"}},
        StrCat(model.name, ":", model.version, " is unloaded"));
  return absl::OkStatus();
}

absl::Status DeleteAlias(const AdminClient& client, const AdminOptions& options) {
  v1::DeleteAliasRequest request;
  request.set_alias(options.alias);
  VITOK_RETURN_IF_ERROR(client.DeleteAlias(request).status());
  Print(options, {{"alias", options.alias}, {"model", ""}, {"version", 0}}, StrCat(options.alias, " is deleted"));
  return absl::OkStatus();
}

absl::Status SetAlias(const AdminClient& client, const AdminOptions& options) {
  if (options.delete_alias) return DeleteAlias(client, options);
  v1::SetAliasRequest request;
  request.set_alias(options.alias);
  VITOK_ASSIGN_OR_RETURN(const NameAndVersion model, ParseModel(options.model));
  request.set_model(model.name);
  request.set_version(model.version);
  VITOK_ASSIGN_OR_RETURN(const v1::SetAliasResponse response, client.SetAlias(request));
  const std::string before = response.previous_model().empty()
                                 ? "is new"
                                 : StrCat("was ", response.previous_model(), ":", response.previous_version());
  Print(options,
        {{"alias", options.alias},
         {"model", model.name},
         {"version", model.version},
         {"previous_model", response.previous_model()},
         {"previous_version", response.previous_version()}},
        StrCat(options.alias, " leads to ", model.name, ":", model.version, " (", before, ")"));
  return absl::OkStatus();
}

absl::Status ListModels(const AdminClient& client, const AdminOptions& options) {
  VITOK_ASSIGN_OR_RETURN(const v1::ListAllModelsResponse response, client.ListModels());
  if (!options.connection.json) {
    std::printf("%s", AdminTable(response).c_str());
    return absl::OkStatus();
  }
  for (const v1::ModelStatus& model : response.models()) std::printf("%s\n", OneLine(ToJson(model)).c_str());
  return absl::OkStatus();
}

absl::Status SetLogLevel(const AdminClient& client, const AdminOptions& options) {
  v1::SetLogLevelRequest request;
  request.set_level(options.level);
  VITOK_ASSIGN_OR_RETURN(const v1::SetLogLevelResponse response, client.SetLogLevel(request));
  Print(options, {{"level", options.level}, {"previous_level", response.previous_level()}},
        StrCat("log level ", options.level, " (was ", response.previous_level(), ")"));
  return absl::OkStatus();
}

ExitCode RunAdmin(const Work& work, const AdminOptions& options) {
  TokenizerClientOptions client_options = {.deadline = absl::Seconds(options.connection.deadline_s)};
  absl::Status status = ReadCredentials(options.connection.credentials, &client_options);
  if (status.ok()) {
    const auto client = AdminClient::Create(options.connection.server, client_options);
    status = client.ok() ? work(**client, options) : client.status();
  }
  if (status.ok()) return ExitCode::kOk;
  PrintError(status);
  return ExitCodeOf(status);
}

CLI::App* AddCommand(CLI::App& admin, const std::string& name, const std::string& help, const AdminOptionsPtr& options,
                     const Environment& environment, Action* action, Work work) {
  CLI::App* const command = admin.add_subcommand(name, help);
  AddConnectionOptions(*command, environment, &options->connection);
  command->callback(
      [options, action, work = std::move(work)] { *action = [options, work] { return RunAdmin(work, *options); }; });
  return command;
}

void AddLoadCommand(CLI::App& admin, const Environment& environment, Action* action) {
  const auto options = std::make_shared<AdminOptions>();
  options->connection.deadline_s = kLoadDeadlineSeconds;
  CLI::App* const command =
      AddCommand(admin, "load", "Load a model while the others serve", options, environment, action, &Load);
  command->add_option("model", options->model, "NAME or NAME:VERSION; version 1 if none is given")
      ->required()
      ->check(CLI::Validator(CheckModel, ""));
  const auto text = [command](const std::string& name, std::string* field, const std::string& help) {
    return command->add_option(name, *field, help);
  };
  v1::ModelSpec& spec = options->spec;
  CLI::Option* const folder = text("folder", spec.mutable_folder(), "Folder of the model, on the server");
  CLI::Option* const hub = text("--hub", spec.mutable_hub(),
                                "In place of a folder: a model of the hub, which the server "
                                "downloads first; see `vitok models pull --help`");
  hub->type_name("MODEL")->excludes(folder);
  command->parse_complete_callback([options] {
    if (options->spec.folder().empty() && options->spec.hub().empty()) {
      throw CLI::ValidationError("load", "give a folder or --hub");
    }
  });
  text("--variant", spec.mutable_variant(), "Variant string; default: read from the weights");
  text("--dtype", spec.mutable_dtype(), "float32 (the default), bfloat16 or fp8");
  text("--device", spec.mutable_device(), "cpu (the default), cuda or cuda:N");
  text("--halves", spec.mutable_halves(), "available (the default), both, encoder or decoder");
  text("--preprocess", spec.mutable_preprocess(), "Pipeline of requests that come without one");
  command->add_option_function<int64_t>(
      "--sliding-window", [options](int64_t tokens) { options->spec.set_sliding_window(tokens); },
      "Tokens to each side that attention reaches; default: all");
  command->add_option_function<int64_t>(
      "--attend-padding-to", [options](int64_t tokens) { options->spec.set_attend_padding_to(tokens); },
      "Tokens that shorter images are filled up to; default: none");
  command->add_flag("--no-wait", options->no_wait, "Return when the loading begins; see `vitok admin models`");
  command->footer(R"(Examples:
  vitok admin load tiny:2 models/tiny-v2
  vitok admin load 350M-f16x64 --hub 350M-f16x64 --dtype bfloat16 --device cuda
  vitok admin load large /models/large --device cuda:1 --dtype bfloat16 --no-wait)");
}

void AddUnloadCommand(CLI::App& admin, const Environment& environment, Action* action) {
  const auto options = std::make_shared<AdminOptions>();
  options->connection.deadline_s = kLoadDeadlineSeconds;
  CLI::App* const command = AddCommand(admin, "unload", "Unload a model when its last calls have finished", options,
                                       environment, action, &Unload);
  command->add_option("model", options->model, "NAME or NAME:VERSION; version 1 if none is given")
      ->required()
      ->check(CLI::Validator(CheckModel, ""));
  command->footer(R"(Example:
  vitok admin unload tiny:1)");
}

void AddAliasCommand(CLI::App& admin, const Environment& environment, Action* action) {
  const auto options = std::make_shared<AdminOptions>();
  CLI::App* const command = AddCommand(admin, "alias", "Make or move an alias in one step, or delete it", options,
                                       environment, action, &SetAlias);
  command->add_option("alias", options->alias, "Name of the alias")->required();
  CLI::Option* const model = command->add_option("model", options->model, "NAME or NAME:VERSION that it shall lead to")
                                 ->check(CLI::Validator(CheckModel, ""));
  CLI::Option* const deletes = command->add_flag("--delete", options->delete_alias, "Delete the alias");
  deletes->excludes(model);
  command->parse_complete_callback([options] {
    if (options->model.empty() && !options->delete_alias)
      throw CLI::ValidationError("alias", "give a model or --delete");
  });
  command->footer(R"(Examples:
  vitok admin alias stable tiny:2
  vitok admin alias stable tiny:1         back again
  vitok admin alias stable --delete)");
}

}  // namespace

void AddAdminCommand(CLI::App& program, const Environment& environment, Action* action) {
  CLI::App* const admin = program.add_subcommand("admin", "Load and unload models, move aliases, set the log level");
  admin->require_subcommand(1);
  admin->footer(R"(The server must have an admin port (admin.listen in its configuration), which is what --server names
here; with tokens, the caller needs the role admin. Changes last until the server ends.
`vitok admin COMMAND --help` tells about one command. Examples:
  vitok admin load tiny:2 models/tiny-v2
  vitok admin alias stable tiny:2
  vitok admin models)");
  AddLoadCommand(*admin, environment, action);
  AddUnloadCommand(*admin, environment, action);
  AddAliasCommand(*admin, environment, action);
  AddCommand(*admin, "models", "All models with their states; * marks the default", std::make_shared<AdminOptions>(),
             environment, action, &ListModels)
      ->footer("Example:\n  vitok admin models --json | jq -r .state");
  const auto options = std::make_shared<AdminOptions>();
  CLI::App* const level = AddCommand(*admin, "log-level", "Set how much the server logs, until it ends", options,
                                     environment, action, &SetLogLevel);
  level->add_option("level", options->level, "trace, debug, info, warn, error or off")
      ->required()
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}));
}

}  // namespace vitok
