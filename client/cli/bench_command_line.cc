#include "client/cli/bench_command_line.h"

#include "client/bench/bench_report.h"
#include "client/bench/size_distribution.h"
#include "client/cli/connection.h"
#include "client/cli/priority_option.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

constexpr double kDefaultDuration_s = 10;

constexpr char kFooter[] =
    R"(A closed loop (--concurrency) finds out how much a server can do; an open loop (--rate) how long requests take at a
given load: their latency counts from the moment they were due, so a server that stalls cannot hide it. Refused requests
count by their code and are not repeated, unless --retries is given. What the numbers and the keys of --json mean:
docs/LOAD_TESTS.md. Ctrl-C ends the run early and prints its results; a second one gives up what is in flight.

Sizes: 512 | 1024x768 (width x height) | 256:0.5,512:0.3,1024x768:0.2 (a mix with weights) | uniform:256-2048 (each side).

Exit code: 0 the run took place (failed requests are results); 1 it could not be set up; 2 wrong usage; 3 no server
answered.
Examples:
  vitok bench --concurrency 16 --sizes 512
  vitok bench --concurrency 64 --streams 4
  vitok bench --rate 50 --sizes 256:0.5,512:0.3,1024x768:0.2 --duration 60
  vitok bench --method decode --sizes uniform:256-1024 --output jpeg --concurrency 8
  vitok bench --method reconstruct --pictures photos --requests 200 --json | jq .latency_ms.ok.p99
  vitok bench --rate 200 --retries --server 10.0.0.1:8500,10.0.0.2:8500    while one of them restarts)";

void AddServerOptions(CLI::App& command, BenchOptions* options) {
  command
      .add_option("--server", options->servers,
                  "host:port or unix:/path; several, taken in turn, by commas or repeated")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Validator(CheckServer, ""))
      ->capture_default_str()
      ->group("Servers");
  command
      .add_option("--streams", options->streams,
                  "Send the requests over so many bidirectional streams, opened once and shared out over the servers; "
                  "0: a call for each request")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str()
      ->group("Servers");
  command
      .add_option(
          "--connections", options->connections,
          "Connections to each server; default: one for every 100 streams, or requests that may be in flight, as "
          "servers limit the calls of one connection")
      ->check(CLI::Range(1, 1024))
      ->group("Servers");
  command.add_option("--deadline", options->deadline_s, "Seconds that one request may take, retries included")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->group("Servers");
  command
      .add_flag("--retries", options->retries,
                "Repeat refused requests when the server asks for it, and at the next server what one left unanswered; "
                "only the last answer counts")
      ->group("Servers");
}

void AddRequestOptions(CLI::App& command, BenchOptions* options) {
  command.add_option("--method", options->method, "What to call")
      ->check(CLI::IsMember({"encode", "decode", "reconstruct"}))
      ->capture_default_str()
      ->group("Requests");
  command.add_option("--model", options->model, "Name of the model (see `vitok models`); default: the server's")
      ->group("Requests");
  command.add_option("--sizes", options->sizes, "Sizes of synthetic images (see below)")
      ->capture_default_str()
      ->group("Requests");
  command.add_option("--pictures", options->pictures, "Picture file or folder to send in place of synthetic images")
      ->allow_extra_args(false)
      ->excludes("--sizes")
      ->group("Requests");
  command
      .add_option("--input", options->input,
                  "How images travel: raw (8-bit pixels), jpeg, png, file (as it is); default: file for --pictures, "
                  "else raw")
      ->check(CLI::IsMember({"raw", "jpeg", "png", "file"}))
      ->group("Requests");
  command
      .add_option("--latents", options->latents,
                  "What decode gets: random numbers, or images encoded before the run; default: encoded for "
                  "--pictures, else random")
      ->check(CLI::IsMember({"random", "encoded"}))
      ->group("Requests");
  command.add_option("--latent-dtype", options->latent_dtype, "Type of latents; default: that of the model")
      ->check(CLI::IsMember({"float32", "float16", "bfloat16"}))
      ->group("Requests");
  command.add_option("--output", options->output, "What decode and reconstruct give back")
      ->check(CLI::IsMember({"uint8", "float16", "bfloat16", "float32", "png", "jpeg", "webp"}))
      ->capture_default_str()
      ->group("Requests");
  command.add_option("--quality", options->quality, "Quality of JPEG and WebP output, 1 to 100; WebP 101: lossless")
      ->check(CLI::Range(1, 101))
      ->group("Requests");
  command.add_option("--preprocess", options->preprocess, "Preprocessing in place of the model's own")
      ->group("Requests");
  AddPriorityOption(command, &options->priority)->group("Requests");
  command.add_option("--items", options->items, "Images of a request")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str()
      ->group("Requests");
  command
      .add_option(
          "--pool", options->pool,
          "Distinct requests, made before the run and sent again and again; default: 64, or as many as hold all "
          "--pictures")
      ->check(CLI::Range(1, 4096))
      ->group("Requests");
  command.add_option("--seed", options->seed, "The same seed gives the same requests in the same order")
      ->capture_default_str()
      ->group("Requests");
}

void AddLoadOptions(CLI::App& command, BenchOptions* options) {
  command.add_option("--concurrency", options->concurrency, "Closed loop: requests in flight all the time")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str()
      ->group("Load");
  command.add_option("--rate", options->rate_per_s, "Open loop: requests a second, whatever the server does")
      ->check(CLI::Range(1e-3, 1e6))
      ->excludes("--concurrency")
      ->group("Load");
  command.add_option("--arrivals", options->arrivals, "Open loop: random (Poisson) or equal gaps between requests")
      ->check(CLI::IsMember({"poisson", "constant"}))
      ->needs("--rate")
      ->capture_default_str()
      ->group("Load");
  command
      .add_option("--max-in-flight", options->max_in_flight,
                  "Open loop: requests that are due while so many are in flight are not sent, and counted")
      ->check(CLI::Range(1, 65536))
      ->needs("--rate")
      ->capture_default_str()
      ->group("Load");
  command.add_option("--warm-up", options->warm_up_s, "Seconds before the measurement")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str()
      ->group("Load");
  command.add_option("--duration", options->duration_s, "Seconds of the measurement; default: 10, without --requests")
      ->check(CLI::Range(1e-3, 864000.0))
      ->group("Load");
  command.add_option("--requests", options->requests, "Requests of the measurement; with --duration, what comes first")
      ->check(CLI::PositiveNumber)
      ->group("Load");
  command.add_option("--threads", options->threads, "Threads that wait for answers; more for more than about 1 GB/s")
      ->check(CLI::Range(1, 256))
      ->capture_default_str()
      ->group("Load");
}

}  // namespace

void AddBenchOptions(CLI::App& command, BenchOptions* options) {
  AddServerOptions(command, options);
  AddRequestOptions(command, options);
  AddLoadOptions(command, options);
  command.add_flag("--json", options->json, "Print one JSON object instead of a table");
  command.footer(kFooter);
}

absl::Status CompleteBenchOptions(BenchOptions* options) {
  VITOK_RETURN_IF_ERROR(SizeDistribution::Parse(options->sizes).status());
  const bool has_pictures = !options->pictures.empty();
  const bool decodes = options->method == "decode";
  const auto only_for = [options](std::string_view option, std::string_view methods) {
    return absl::InvalidArgumentError(StrCat(option, " is for ", methods, "; --method is ", options->method));
  };
  if (!decodes && !options->latents.empty()) return only_for("--latents", "decode");
  if (options->method == "encode" && options->output != "uint8") return only_for("--output", "decode and reconstruct");
  if (options->method == "encode" && options->quality != 0) return only_for("--quality", "decode and reconstruct");
  if (options->method == "reconstruct" && !options->latent_dtype.empty()) {
    return only_for("--latent-dtype", "encode and decode");
  }
  if (!has_pictures && options->input == "file") {
    return absl::InvalidArgumentError("--input file needs --pictures: synthetic images have no file");
  }
  if (has_pictures && options->latents == "random") {
    return absl::InvalidArgumentError("--latents random needs no --pictures; it takes --sizes");
  }
  if (options->input.empty()) options->input = has_pictures ? "file" : "raw";
  if (decodes && options->latents.empty()) options->latents = has_pictures ? "encoded" : "random";
  const auto servers = static_cast<int64_t>(options->servers.size());
  if (options->streams > 0 && options->streams < servers) {
    return absl::InvalidArgumentError(
        StrCat("--streams must be at least the number of servers (", servers, "); was ", options->streams));
  }
  if (options->connections == 0) {
    const int64_t in_flight = options->rate_per_s > 0 ? options->max_in_flight : options->concurrency;
    const int64_t calls = options->streams > 0 ? options->streams : in_flight;
    const int64_t calls_of_round = servers * kCallsOfConnection;
    options->connections = static_cast<int>((calls + calls_of_round - 1) / calls_of_round);
  }
  if (options->duration_s == 0 && options->requests == 0) options->duration_s = kDefaultDuration_s;
  return absl::OkStatus();
}

}  // namespace vitok
