// The whole server, but with a tokenizer that costs nothing: what its requests take is the server's own time. Runs
// until SIGTERM.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "core/base/allocator.h"
#include "core/base/mutex_checks.h"
#include "core/base/status_macros.h"
#include "server/server.h"
#include "server/stop_signal.h"
#include "spdlog/spdlog.h"
#include "tests/bench/zero_cost_tokenizer.h"

namespace vitok {
namespace {

absl::Status Serve(const std::vector<std::string>& overrides, int64_t patch_px, absl::Duration time_per_token) {
  std::vector<std::string> settings = {"models=[{name: zero-cost, folder: none}]", "batching.warm_up_s=0"};
  settings.insert(settings.end(), overrides.begin(), overrides.end());
  VITOK_ASSIGN_OR_RETURN(const ServerOptions options, LoadServerConfig("", settings));
  VITOK_RETURN_IF_ERROR(InitLogging(options.log));
  StopSignal stop;
  const auto load = [patch_px, time_per_token](const LoadOptions&) -> absl::StatusOr<std::unique_ptr<Tokenizer>> {
    return std::make_unique<ZeroCostTokenizer>(patch_px, time_per_token);
  };
  VITOK_ASSIGN_OR_RETURN(const std::unique_ptr<Server> server, Server::Start(options, load));
  stop.KeepSignals();
  spdlog::info("listening on {}", server->address());
  stop.Wait();
  server->Shutdown();
  return absl::OkStatus();
}

}  // namespace
}  // namespace vitok

int main(int argc, char** argv) {
  vitok::TuneAllocator();
  vitok::TurnOffMutexChecks();
  CLI::App app("vitok-server with a tokenizer that costs nothing");
  std::string listen = "127.0.0.1:8500";
  std::string http_listen;
  std::vector<std::string> overrides;
  int64_t patch_px = 16;
  double time_per_token_us = 0;
  app.add_option("--listen", listen, "host:port or unix:/path")->capture_default_str();
  app.add_option("--http-listen", http_listen, "host:port of /metrics; none without it");
  app.add_option("--set", overrides, "Override one field of the configuration; may be repeated")
      ->type_name("a.b=VALUE")
      ->take_all();
  app.add_option("--patch", patch_px, "Side of a patch, px")->capture_default_str()->check(CLI::Range(1, 64));
  app.add_option("--time-per-token-us", time_per_token_us, "Time that a batch sleeps for each token, in µs")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  CLI11_PARSE(app, argc, argv);
  overrides.insert(overrides.begin(), {"server.listen=" + listen, "server.http_listen=" + http_listen});
  if (const absl::Status status = vitok::Serve(overrides, patch_px, absl::Microseconds(time_per_token_us));
      !status.ok()) {
    std::fprintf(stderr, "zero_cost_server: %s\n", std::string(status.message()).c_str());
    return 1;
  }
  return 0;
}
