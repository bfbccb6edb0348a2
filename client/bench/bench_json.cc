#include <cmath>
#include <string>

#include "client/bench/bench_rates.h"
#include "client/bench/bench_report.h"
#include "core/base/dtype.h"

namespace vitok {
namespace {

using nlohmann::ordered_json;

// Three digits after the point: µs for times, finer than any rate repeats.
double Rounded(double value) { return std::round(value * 1000) / 1000; }

ordered_json Milliseconds(const LatencyHistogram& histogram) {
  const auto value = [&histogram](absl::Duration duration) {
    return histogram.count() == 0 ? ordered_json(nullptr) : ordered_json(Rounded(absl::ToDoubleMilliseconds(duration)));
  };
  return {{"count", histogram.count()},
          {"mean", value(histogram.mean())},
          {"min", value(histogram.min())},
          {"p50", value(histogram.Percentile(50))},
          {"p90", value(histogram.Percentile(90))},
          {"p95", value(histogram.Percentile(95))},
          {"p99", value(histogram.Percentile(99))},
          {"p99_9", value(histogram.Percentile(99.9))},
          {"max", value(histogram.max())}};
}

ordered_json ServerJson(const BenchReport& report) {
  return {{"targets", report.options.servers}, {"version", report.server.version},
          {"build", report.server.build},      {"model", report.model.name},
          {"variant", report.model.variant},   {"dtype", DTypeName(report.model.dtype)},
          {"device", report.model.device}};
}

ordered_json LoadJson(const BenchReport& report) {
  const BenchOptions& options = report.options;
  ordered_json load = {{"method", options.method}};
  if (options.rate_per_s > 0) {
    load["loop"] = "open";
    load["rate_per_s"] = options.rate_per_s;
    load["arrivals"] = options.arrivals;
    load["max_in_flight"] = options.max_in_flight;
  } else {
    load["loop"] = "closed";
    load["concurrency"] = options.concurrency;
  }
  if (options.pictures.empty()) {
    load["sizes"] = options.sizes;
  } else {
    load["pictures"] = options.pictures;
  }
  if (options.method == "decode") {
    load["latents"] = options.latents;
  } else {
    load["input"] = options.input;
    load["preprocess"] = options.preprocess.empty() ? report.model.preprocess : options.preprocess;
  }
  if (options.method != "reconstruct" && !options.latent_dtype.empty()) load["latent_dtype"] = options.latent_dtype;
  if (options.method != "encode") load["output"] = options.output;
  load["priority"] = options.priority;
  load["items"] = options.items;
  load["pool"] = report.pool;
  load["seed"] = options.seed;
  load["streams"] = options.streams;
  load["connections"] = options.connections;
  load["threads"] = options.threads;
  load["deadline_s"] = options.deadline_s;
  load["retries"] = options.retries;
  load["warm_up_s"] = options.warm_up_s;
  return load;
}

ordered_json CodesJson(const LoadStats& stats) {
  ordered_json codes = ordered_json::object();
  for (const auto& [code, of_code] : stats.codes) {
    ordered_json entry = {{"count", of_code.latency.count()}, {"latency_ms", Milliseconds(of_code.latency)}};
    if (code != absl::StatusCode::kOk) entry["message"] = of_code.message;
    codes[absl::StatusCodeToString(code)] = entry;
  }
  return codes;
}

}  // namespace

ordered_json ToJson(const BenchReport& report) {
  const LoadStats& stats = report.stats;
  const LatencyHistogram ok = LatencyOfSuccesses(stats);
  const LatencyHistogram failed = LatencyOfFailures(stats);
  const BenchRates rates = RatesOf(stats);
  ordered_json stages = ordered_json::object();
  for (size_t i = 0; i < kStages.size(); ++i) stages[std::string(kStages[i].name)] = Milliseconds(stats.stages[i]);
  return {{"server", ServerJson(report)},
          {"load", LoadJson(report)},
          {"window_s", Rounded(absl::ToDoubleSeconds(stats.window))},
          {"requests",
           {{"due", stats.due},
            {"ok", ok.count()},
            {"failed", failed.count()},
            {"not_sent", stats.not_sent},
            {"abandoned", stats.abandoned},
            {"unreachable", stats.unreachable},
            {"retries", stats.retries}}},
          {"throughput",
           {{"requests_per_s", Rounded(rates.requests)},
            {"goodput_requests_per_s", Rounded(rates.goodput)},
            {"images_per_s", Rounded(rates.images)},
            {"tokens_per_s", Rounded(rates.tokens)},
            {"pixels_per_s", Rounded(rates.pixels)},
            {"sent_mb_per_s", Rounded(rates.sent_mb)},
            {"received_mb_per_s", Rounded(rates.received_mb)}}},
          {"latency_ms", {{"ok", Milliseconds(ok)}, {"failed", Milliseconds(failed)}}},
          {"codes", CodesJson(stats)},
          {"stages_ms", stages},
          {"client",
           {{"send_delay_ms", Milliseconds(stats.send_delay)},
            {"most_in_flight", stats.most_in_flight},
            {"cpu_cores", Rounded(report.cpu_cores)}}}};
}

}  // namespace vitok
