#include "client/cli/hub_commands.h"

#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "client/cli/connection.h"
#include "client/cli/download_progress.h"
#include "client/cli/file_report.h"
#include "client/cli/interrupts.h"
#include "client/cli/text_table.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/weights/hub.h"
#include "core/weights/hub_cache.h"

namespace vitok {
namespace {

struct HubCommandOptions {
  std::string model;
  std::string revision;
  std::string halves = "both";
  std::string cache_folder;
  bool json = false;
};
using Work = std::function<absl::StatusOr<ExitCode>(const HubCommandOptions&, HubOptions&)>;

absl::StatusOr<HubSource> ReadSource(const HubCommandOptions& options) {
  VITOK_ASSIGN_OR_RETURN(HubSource source, ParseHubSource(options.model));
  if (options.revision.empty()) return source;
  VITOK_RETURN_IF_ERROR(CheckHubRevision(options.revision));
  source.revision = options.revision;
  return source;
}

nlohmann::ordered_json SourceToJson(const HubSource& source) {
  return {{"name", source.published_name}, {"repository", source.repository}, {"revision", source.revision}};
}

absl::StatusOr<ExitCode> Pull(const HubCommandOptions& options, HubOptions& hub) {
  VITOK_ASSIGN_OR_RETURN(const HubSource source, ReadSource(options));
  DownloadProgress progress;
  hub.on_progress = [&progress](const HubProgress& now) { progress.Draw(now); };
  hub.warn = [&progress](const std::string& text) {
    progress.Clear();
    std::fprintf(stderr, "vitok: %s\n", text.c_str());
  };
  const WantedHalves wanted = {.encoder = options.halves != "decoder", .decoder = options.halves != "encoder"};
  const absl::StatusOr<LocalModel> model = FetchModel(source, wanted, hub);
  progress.Clear();
  if (!model.ok()) return model.status();
  if (!options.json) {
    std::printf("%s\n", model->path.c_str());
    return ExitCode::kOk;
  }
  nlohmann::ordered_json json = SourceToJson(source);
  json["commit"] = model->commit;
  json["folder"] = model->path;
  json["files"] = model->files;
  std::printf("%s\n", OneLine(json).c_str());
  return ExitCode::kOk;
}

const char* ResultName(VerifiedFile::Result result) {
  switch (result) {
    case VerifiedFile::Result::kGood: return "good";
    case VerifiedFile::Result::kNoDigest: return "no digest";
    case VerifiedFile::Result::kBad: return "BAD";
  }
  return "";
}

absl::StatusOr<ExitCode> Verify(const HubCommandOptions& options, HubOptions& hub) {
  VITOK_ASSIGN_OR_RETURN(const HubSource source, ReadSource(options));
  VITOK_ASSIGN_OR_RETURN(const std::vector<VerifiedFile> files, VerifyModel(source, hub));
  ExitCode exit_code = ExitCode::kOk;
  std::vector<std::vector<std::string>> rows = {{"file", "size", "result"}};
  for (const VerifiedFile& file : files) {
    rows.push_back({file.file, BytesText(file.bytes), ResultName(file.result)});
    if (options.json) {
      nlohmann::ordered_json json = {{"file", file.file}, {"bytes", file.bytes}, {"result", ResultName(file.result)}};
      if (file.result != VerifiedFile::Result::kNoDigest) json["sha256"] = file.digest;
      std::printf("%s\n", OneLine(json).c_str());
    }
    if (file.result != VerifiedFile::Result::kBad) continue;
    exit_code = ExitCode::kFailed;
    PrintError(file.path, absl::DataLossError(StrCat("has the SHA-256 digest ", file.digest, "; the hub said ",
                                                     file.expected, ". Delete it and pull again")));
  }
  if (!options.json) std::printf("%s", TextTable(rows).c_str());
  return exit_code;
}

// The published name of a repository, "" for others.
std::string PublishedName(const std::string& repository) {
  for (const PublishedModel& model : PublishedModels()) {
    if (model.repository == repository) return std::string(model.name);
  }
  return "";
}

absl::StatusOr<ExitCode> ListCached(const HubCommandOptions& options, HubOptions& hub) {
  std::vector<std::vector<std::string>> rows = {{"name", "repository", "revisions", "commit", "size", "files"}};
  for (const CachedModel& model : ListCachedModels(hub.cache_folder)) {
    const std::string name = PublishedName(model.repository);
    rows.push_back({name.empty() ? "-" : name, model.repository,
                    model.revisions.empty() ? "-" : absl::StrJoin(model.revisions, ","), model.commit.substr(0, 12),
                    BytesText(model.bytes), StrCat(model.files.size())});
    if (!options.json) continue;
    const nlohmann::ordered_json json = {
        {"name", name},           {"repository", model.repository}, {"revisions", model.revisions},
        {"commit", model.commit}, {"folder", model.folder},         {"files", model.files},
        {"bytes", model.bytes}};
    std::printf("%s\n", OneLine(json).c_str());
  }
  if (!options.json) std::printf("%s", TextTable(rows).c_str());
  return ExitCode::kOk;
}

ExitCode RunHubCommand(const Work& work, const HubCommandOptions& options, const Environment& environment) {
  const ScopedInterrupts interrupts;
  absl::StatusOr<HubOptions> hub = environment.hub_options();
  if (hub.ok()) {
    if (!options.cache_folder.empty()) hub->cache_folder = options.cache_folder;
    hub->cancelled = [&interrupts] { return interrupts.count() > 0; };
  }
  const absl::StatusOr<ExitCode> exit_code = hub.ok() ? work(options, *hub) : hub.status();
  if (exit_code.ok()) return *exit_code;
  PrintError(exit_code.status());
  const bool is_unreachable = absl::IsUnavailable(exit_code.status()) || absl::IsDeadlineExceeded(exit_code.status());
  return is_unreachable ? ExitCode::kUnreachable : ExitCode::kFailed;
}

using OptionsPtr = std::shared_ptr<HubCommandOptions>;

CLI::App* AddCommand(CLI::App& models, const std::string& name, const std::string& help, const OptionsPtr& options,
                     const Environment& environment, Action* action, Work work) {
  CLI::App* const command = models.add_subcommand(name, help);
  command
      ->add_option("--cache", options->cache_folder,
                   "Folder of the cache; default: HF_HUB_CACHE, $HF_HOME/hub or ~/.cache/huggingface/hub")
      ->type_name("DIR");
  command->add_flag("--json", options->json, "Print JSON lines");
  command->callback([options, environment, action, work = std::move(work)] {
    *action = [options, environment, work] { return RunHubCommand(work, *options, environment); };
  });
  return command;
}

void AddModelOptions(CLI::App& command, const OptionsPtr& options) {
  command.add_option("model", options->model, "A published name, or ORG/REPO; either with @REVISION")->required();
  command.add_option("--revision", options->revision, "Branch, tag or commit; default: main")->type_name("REVISION");
}

constexpr char kEnvironmentHelp[] =
    R"(Environment: HF_ENDPOINT (a mirror), HF_HUB_OFFLINE=1 (ask the cache only), HF_TOKEN or HF_TOKEN_PATH (private and
gated models), HF_HUB_CACHE, HF_HOME, HF_HUB_ETAG_TIMEOUT, HF_HUB_DOWNLOAD_TIMEOUT; https_proxy and no_proxy.)";

}  // namespace

void AddHubCommands(CLI::App& models, const Environment& environment, Action* action) {
  std::vector<std::string> names;
  for (const PublishedModel& model : PublishedModels()) names.emplace_back(model.name);

  const auto pull_options = std::make_shared<HubCommandOptions>();
  CLI::App* const pull = AddCommand(models, "pull", "Download a model of the hub and print its folder", pull_options,
                                    environment, action, &Pull);
  AddModelOptions(*pull, pull_options);
  pull->add_option("--halves", pull_options->halves, "both, encoder or decoder")
      ->check(CLI::IsMember({"both", "encoder", "decoder"}))
      ->capture_default_str();
  pull->footer(StrCat("What is there is not downloaded again, but a branch or tag is followed. Published names:\n  ",
                      absl::StrJoin(names, ", "), "\n", kEnvironmentHelp, R"(
Exit code 0: all of it is there; 1: no such model, not allowed, no disk; 3: the hub does not answer.
Examples:
  vitok models pull 350M-f16x64
  vitok models pull 5B-f16x64 --halves encoder
  vitok models pull org/my-finetune@v2 --json | jq -r .folder)"));

  const auto verify_options = std::make_shared<HubCommandOptions>();
  CLI::App* const verify = AddCommand(models, "verify", "Compare a model's files in the cache with the hub's digests",
                                      verify_options, environment, action, &Verify);
  AddModelOptions(*verify, verify_options);
  verify->footer(
      R"(Reads every file of weights; asks nobody. Files whose digest the hub does not tell are listed as such.
Exit code 0: none is bad; 1: one is, or the model is not in the cache.
Example:
  vitok models verify 350M-f16x64)");

  AddCommand(models, "cached", "The models of the hub that this machine has", std::make_shared<HubCommandOptions>(),
             environment, action, &ListCached)
      ->footer("Example:\n  vitok models cached --json | jq -r .folder");
}

}  // namespace vitok
