#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/bench/bench_report.h"
#include "client/bench/closed_loop.h"
#include "client/bench/input_pool.h"
#include "client/bench/open_loop.h"
#include "client/bench/stream_driver.h"
#include "client/bench/unary_driver.h"
#include "client/call_status.h"
#include "client/cli/bench_command_line.h"
#include "client/cli/commands.h"
#include "client/cli/connection.h"
#include "client/cli/file_command.h"
#include "client/cli/file_io.h"
#include "client/cli/file_report.h"
#include "client/cli/interrupts.h"
#include "client/cli/priority_option.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

constexpr absl::Duration kConnectTimeout = absl::Seconds(5);
constexpr int kDefaultPool = 64;

BenchMethod MethodOf(const BenchOptions& options) {
  if (options.method == "decode") return BenchMethod::kDecode;
  return options.method == "reconstruct" ? BenchMethod::kReconstruct : BenchMethod::kEncode;
}

InputForm InputFormOf(const BenchOptions& options) {
  if (options.input == "jpeg") return InputForm::kJpeg;
  if (options.input == "png") return InputForm::kPng;
  return options.input == "file" ? InputForm::kFile : InputForm::kRaw;
}

PixelFormat PixelFormatOf(const BenchOptions& options) {
  if (options.output == "float16") return PixelFormat::kFloat16;
  if (options.output == "bfloat16") return PixelFormat::kBfloat16;
  if (options.output == "float32") return PixelFormat::kFloat32;
  if (options.output == "png") return PixelFormat::kPng;
  if (options.output == "jpeg") return PixelFormat::kJpeg;
  return options.output == "webp" ? PixelFormat::kWebp : PixelFormat::kUint8;
}

// The client of the first server that answers, with what it says about itself. The error of the last one if none does.
absl::StatusOr<std::unique_ptr<TokenizerClient>> FindServer(const BenchOptions& options,
                                                            const TokenizerClientOptions& client_options,
                                                            ServerInfo* info) {
  absl::Status status;
  for (const std::string& server : options.servers) {
    VITOK_ASSIGN_OR_RETURN(auto client, TokenizerClient::Create(server, client_options));
    absl::StatusOr<ServerInfo> answer = client->GetServerInfo();
    if (answer.ok()) {
      *info = *std::move(answer);
      return client;
    }
    status = answer.status();
  }
  return status;
}

absl::StatusOr<ModelInfo> FindModel(const ServerInfo& info, const BenchOptions& options) {
  std::string names;
  for (const ModelInfo& model : info.models) {
    if (options.model.empty() ? model.is_default : model.name == options.model) {
      const bool can = options.method == "encode"   ? model.can_encode
                       : options.method == "decode" ? model.can_decode
                                                    : model.can_encode && model.can_decode;
      if (can) return model;
      return absl::InvalidArgumentError(StrCat("model ", model.name, " cannot ", options.method));
    }
    names += StrCat(names.empty() ? "" : ", ", model.name);
  }
  return absl::NotFoundError(StrCat("the server has no model \"", options.model, "\"; it has: ", names));
}

absl::StatusOr<InputPoolOptions> MakePoolOptions(const BenchOptions& options) {
  InputPoolOptions pool;
  pool.method = MethodOf(options);
  pool.items = options.items;
  pool.seed = options.seed;
  pool.form = InputFormOf(options);
  pool.latents = options.latents == "encoded" ? LatentSource::kEncoded : LatentSource::kRandom;
  if (options.pictures.empty()) {
    VITOK_ASSIGN_OR_RETURN(pool.sizes, SizeDistribution::Parse(options.sizes));
    pool.requests = kDefaultPool;
  } else {
    VITOK_ASSIGN_OR_RETURN(const std::vector<std::string> files, ListFiles(options.pictures, PictureExtensions()));
    for (const std::string& file : files) {
      VITOK_ASSIGN_OR_RETURN(std::string bytes, ReadFile(file));
      pool.pictures.push_back({file, std::move(bytes)});
    }
    pool.requests = static_cast<int>((files.size() + options.items - 1) / options.items);
  }
  if (options.pool > 0) pool.requests = options.pool;
  pool.encode.model = options.model;
  pool.encode.preprocess = options.preprocess;
  pool.encode.priority = pool.decode.priority = pool.reconstruct.priority = ParsePriority(options.priority);
  pool.encode.latent_dtype = ParseDType(options.latent_dtype);
  pool.decode.model = options.model;
  pool.decode.format = PixelFormatOf(options);
  pool.decode.quality = options.quality;
  pool.reconstruct.model = options.model;
  pool.reconstruct.preprocess = options.preprocess;
  pool.reconstruct.format = PixelFormatOf(options);
  pool.reconstruct.quality = options.quality;
  return pool;
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return absl::ToDoubleSeconds(absl::DurationFromTimeval(usage.ru_utime) + absl::DurationFromTimeval(usage.ru_stime));
}

void ShowProgress(const std::string& text) {
  if (isatty(STDERR_FILENO) != 1) return;
  std::fprintf(stderr, "\r\033[K%s", text.c_str());
  std::fflush(stderr);
}

std::unique_ptr<LoadDriver> MakeDriver(const BenchOptions& options, const TokenizerClientOptions& client_options) {
  const LoadDriverOptions driver_options = {.servers = options.servers,
                                            .connections = options.connections,
                                            .threads = options.threads,
                                            .method = MethodOf(options),
                                            .tls = client_options.tls,
                                            .token = client_options.token,
                                            .deadline = client_options.deadline,
                                            .retry = options.retries};
  if (options.streams > 0) return std::make_unique<StreamDriver>(driver_options, options.streams);
  return std::make_unique<UnaryDriver>(driver_options);
}

// Runs the load and fills in what was measured.
void Measure(const BenchOptions& options, const TokenizerClientOptions& client_options,
             const std::vector<PreparedRequest>& pool, BenchReport* report) {
  const std::unique_ptr<LoadDriver> driver = MakeDriver(options, client_options);
  driver->Connect(kConnectTimeout);
  const ScopedInterrupts interrupts;
  const double cpu_seconds = CpuSeconds();
  MonotonicClock clock;
  LoadRun run({.warm_up = absl::Seconds(options.warm_up_s),
               .duration = options.duration_s > 0 ? absl::Seconds(options.duration_s) : absl::InfiniteDuration(),
               .requests = options.requests,
               .seed = options.seed,
               .interrupts = [&interrupts] { return interrupts.count(); },
               .progress = [](const LoadProgress& progress) { ShowProgress(ToText(progress)); }},
              pool, driver.get(), &clock);
  if (options.rate_per_s > 0) {
    const ArrivalProcess process =
        options.arrivals == "constant" ? ArrivalProcess::kConstant : ArrivalProcess::kPoisson;
    report->stats =
        RunOpenLoop(ArrivalSchedule(process, options.rate_per_s, options.seed), options.max_in_flight, &run);
  } else {
    report->stats = RunClosedLoop(options.concurrency, &run);
  }
  report->cpu_cores = (CpuSeconds() - cpu_seconds) / absl::ToDoubleSeconds(clock.Now());
  ShowProgress("");
}

ExitCode RunBench(BenchOptions options, const CredentialOptions& credentials) {
  const auto fail = [](const absl::Status& status, ExitCode code) {
    PrintError(status);
    return code;
  };
  if (const absl::Status status = CompleteBenchOptions(&options); !status.ok()) return fail(status, ExitCode::kUsage);
  const absl::StatusOr<InputPoolOptions> pool_options = MakePoolOptions(options);
  if (!pool_options.ok()) return fail(pool_options.status(), ExitCode::kUsage);
  BenchReport report;
  TokenizerClientOptions client_options = {.deadline = absl::Seconds(options.deadline_s)};
  if (const absl::Status status = ReadCredentials(credentials, &client_options); !status.ok()) {
    return fail(status, ExitCode::kUsage);
  }
  const auto client = FindServer(options, client_options, &report.server);
  if (!client.ok()) return fail(client.status(), ExitCodeOf(client.status()));
  const absl::StatusOr<ModelInfo> model = FindModel(report.server, options);
  if (!model.ok()) return fail(model.status(), ExitCode::kUsage);

  ShowProgress(StrCat("preparing ", pool_options->requests, " requests"));
  const auto pool = MakeInputPool(*pool_options, *model, [&](ImageInput image) -> absl::StatusOr<Latents> {
    VITOK_ASSIGN_OR_RETURN(EncodeResult result, (*client)->Encode(std::move(image), pool_options->encode));
    return std::move(result.latents);
  });
  ShowProgress("");
  if (!pool.ok()) return fail(pool.status(), ExitCodeOf(pool.status()));

  report.options = options;
  report.pool = static_cast<int>(pool->size());
  report.model = *model;
  Measure(options, client_options, *pool, &report);
  std::printf("%s", options.json ? (OneLine(ToJson(report)) + "\n").c_str() : ToText(report).c_str());
  return ExitCode::kOk;
}

}  // namespace

void AddBenchCommand(CLI::App& program, const Environment& environment, Action* action) {
  CLI::App* const command = program.add_subcommand("bench", "Load on a server: throughput and latencies");
  struct Arguments {
    BenchOptions bench;
    CredentialOptions credentials;
  };
  const auto arguments = std::make_shared<Arguments>();
  AddBenchOptions(*command, &arguments->bench);
  AddCredentialOptions(*command, environment, &arguments->credentials);
  command->callback(
      [arguments, action] { *action = [arguments] { return RunBench(arguments->bench, arguments->credentials); }; });
}

}  // namespace vitok
