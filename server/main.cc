// vitok-server: see --help.
#include <ATen/Parallel.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <system_error>
#include <vector>

#include "CLI/CLI.hpp"
#include "core/base/allocator.h"
#include "core/base/cpu_count.h"
#include "core/base/log.h"
#include "core/base/mutex_checks.h"
#include "core/base/status_macros.h"
#include "core/base/version.h"
#include "core/model/load_autoencoder.h"
#include "core/weights/hub_options.h"
#include "server/build_info.h"
#include "server/grpc_log.h"
#include "server/hub_fetcher.h"
#include "server/server.h"
#include "server/server_config.h"
#include "server/stop_signal.h"
#include "spdlog/spdlog.h"

namespace vitok {
namespace {

struct Flags {
  std::string config;
  std::vector<std::string> models;
  std::vector<std::string> overrides;
  bool print_config = false;
  bool check_config = false;
};

// OpenMP threads that wait must sleep: spinning ones take the cores from the threads that decode pictures. The library
// reads its settings before main, so the program starts itself once more with them.
void UseRuntimeSettings(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  setenv("OMP_WAIT_POLICY", "PASSIVE", /*overwrite=*/0);
  // By its name: under that of the link, tools would call the process "exe".
  std::error_code error;
  const std::string program = std::filesystem::read_symlink("/proc/self/exe", error).string();
  execv(program.c_str(), argv);
  // Without /proc the server runs as well, a little slower.
}

// A gRPC server that has run out of file descriptors never accepts a connection again (CVE-2023-4785), and the usual
// limit of 1024 is soon reached by connections that say nothing.
void RaiseOpenFileLimit() {
  constexpr rlim_t kEnough = 16384;
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= kEnough) return;
  spdlog::warn("open files are limited to {}, should be {} or more: so many connections at once make gRPC deaf",
               limit.rlim_cur, kEnough);
}

absl::Status Serve(const ServerOptions& options) {
  VITOK_RETURN_IF_ERROR(InitLogging(options.log));
  RouteGrpcLog();
  RaiseOpenFileLimit();
  at::set_num_threads(options.compute_threads > 0 ? options.compute_threads : AvailableCpus());
  StopSignal stop;
  std::atomic<bool> failed{false}, stopping{false};
  VITOK_ASSIGN_OR_RETURN(const std::unique_ptr<Server> server,
                         Server::Start(options, LoadAutoencoder,
                                       [&stop, &failed](const absl::Status&) {
                                         failed = true;
                                         stop.Wake();
                                       },
                                       {.estimate = EstimateModelMemory,
                                        .fetch = MakeHubFetcher(HubOptionsFromEnvironment(std::getenv),
                                                                [&stopping] { return stopping.load(); }),
                                        .before_serving = [&stop] { stop.KeepSignals(); }}));
  spdlog::info("vitok-server {} ({}) listening on {}", Version(), BuildDescription(), server->address());
  if (!server->admin_address().empty()) spdlog::info("admin service on {}", server->admin_address());
  if (!server->http_address().empty()) spdlog::info("metrics on http://{}/metrics", server->http_address());
  if (const int signal = stop.Wait(); signal != 0) {
    spdlog::info("signal {}: draining; a second one stops at once", signal);
  }
  stopping = true;
  if (!server->Shutdown()) spdlog::warn("calls were cancelled: they took longer than server.shutdown_grace_s");
  spdlog::info("stopped");
  if (failed || server->loading()) {
    // A thread that hangs in the device's driver can not be joined, and one that loads a model need not be.
    spdlog::shutdown();
    _exit(failed ? EXIT_FAILURE : EXIT_SUCCESS);
  }
  return absl::OkStatus();
}

absl::Status Run(const Flags& flags, char** argv) {
  VITOK_ASSIGN_OR_RETURN(const ServerOptions options, LoadServerConfig(flags.config, flags.overrides, flags.models));
  if (flags.print_config) {
    std::cout << ServerConfigToYaml(options);
    return absl::OkStatus();
  }
  if (flags.check_config) {
    std::cout << "configuration is valid\n";
    return absl::OkStatus();
  }
  UseRuntimeSettings(argv);
  return Serve(options);
}

}  // namespace
}  // namespace vitok

int main(int argc, char** argv) {
  vitok::TuneAllocator();
  vitok::TurnOffMutexChecks();
  vitok::Flags flags;
  CLI::App app("Serves image tokenizers over gRPC: Encode, Decode and Reconstruct of package vitok.v1.");
  app.set_version_flag("--version", std::string(vitok::Version()));
  app.add_option("--config", flags.config, "YAML file; configs/server.yaml explains every field");
  app.add_option(
         "--model", flags.models,
         "Serve this model besides those of the file: a published name (350M-f16x64), ORG/REPO of the model hub, "
         "either with @REVISION, or a folder; may be repeated. It is named so, without the revision, or after the "
         "folder")
      ->type_name("MODEL")
      ->take_all();
  app.add_option("--set", flags.overrides, "Override one field of the configuration; may be repeated")
      ->type_name("a.b=VALUE")
      ->take_all();
  app.add_flag("--print-config", flags.print_config, "Print the configuration with every field as YAML and exit");
  app.add_flag("--check-config", flags.check_config, "Check the configuration and exit");
  app.footer(
      R"(Models of the hub come from the cache that huggingface_hub has too, and are downloaded first if need be:
HF_HUB_CACHE or HF_HOME say where it is, HF_TOKEN or HF_TOKEN_PATH let read what is private or gated, HF_HUB_OFFLINE=1
asks the cache only, HF_ENDPOINT is a mirror. `vitok models pull` downloads beforehand.
Examples:
  vitok-server --config configs/demo.yaml
  vitok-server --model 350M-f16x64 --set models.0.device=cuda --set models.0.dtype=bfloat16)");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = vitok::Run(flags, argv);
  if (status.ok()) return 0;
  std::fprintf(stderr, "vitok-server: %s\n", std::string(status.message()).c_str());
  return 1;
}
