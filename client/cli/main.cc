// vitok: command-line client of vitok-server.
#include <grpc/support/log.h>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/environment.h"
#include "client/cli/exit_code.h"
#include "core/base/mutex_checks.h"
#include "core/base/version.h"

namespace vitok {
namespace {

constexpr char kDescription[] =
    "Client of vitok-server: pictures to latent tokens and back.\n"
    "`vitok COMMAND --help` tells about one command.";

constexpr char kFooter[] = R"(Examples:
  vitok models --wait 30                                is the server up, and what does it serve?
  vitok encode photo.jpg -o z.safetensors               picture to latents
  vitok decode z.safetensors -o out.png                 latents to picture
  vitok reconstruct photo.jpg -o out.png                both, with the PSNR of the result
  vitok reconstruct photos -o out --side-by-side        a whole folder, several requests in flight
  vitok reconstruct photos -o out --json | jq .psnr_db  one JSON line a picture
  vitok bench --concurrency 8 --sizes 512               how much can the server do?
  vitok models pull 350M-f16x64                         download a published model
  vitok admin models --server 127.0.0.1:8502            what is loaded, loading or failed?
  vitok info --server unix:/run/vitok.sock              version and limits of a server on this machine
  vitok info --server tokens.example.org:8500 --tls --token-file ~/.vitok-token
                                                        over TLS, with a token (or VITOK_TOKEN in the environment)

Exit code: 0 all good; 1 some or all files failed; 2 wrong usage; 3 no server, or no
model hub, answered.)";

int Main(int argc, char** argv) {
  TurnOffMutexChecks();
  CLI::App program(kDescription, "vitok");
  program.footer(kFooter);
  program.set_version_flag("--version", "vitok " + std::string(Version()));
  program.require_subcommand(1);
  program.failure_message([](const CLI::App* app, const CLI::Error& error) {
    const std::vector<CLI::App*> chosen = app->get_subcommands();
    const std::string command = chosen.empty() ? "vitok" : "vitok " + chosen[0]->get_name();
    return "vitok: " + std::string(error.what()) + " (see `" + command + " --help`)\n";
  });
  const char* const token = std::getenv("VITOK_TOKEN");
  const Environment environment{.token = token != nullptr ? token : "",
                                .hub_options = [] { return HubOptionsFromEnvironment(std::getenv); }};
  Action action;
  AddEncodeCommand(program, environment, &action);
  AddDecodeCommand(program, environment, &action);
  AddReconstructCommand(program, environment, &action);
  AddBenchCommand(program, environment, &action);
  AddModelsCommand(program, environment, &action);
  AddInfoCommand(program, environment, &action);
  AddAdminCommand(program, environment, &action);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? static_cast<int>(ExitCode::kOk) : static_cast<int>(ExitCode::kUsage);
  }
  return static_cast<int>(action());
}

}  // namespace
}  // namespace vitok

int main(int argc, char** argv) {
  // gRPC's own lines say what the errors say too; who debugs it by GRPC_VERBOSITY sees them.
  if (std::getenv("GRPC_VERBOSITY") == nullptr) gpr_set_log_function([](gpr_log_func_args*) {});
  try {
    return vitok::Main(argc, argv);
  } catch (const std::exception& error) {  // out of memory, a broken locale
    std::fprintf(stderr, "vitok: %s\n", error.what());
    return static_cast<int>(vitok::ExitCode::kFailed);
  }
}
