#include <string>
#include <string_view>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/bench/bench_rates.h"
#include "client/bench/bench_report.h"
#include "core/base/dtype.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

// A load generator that is later than this adds to what it measures.
constexpr absl::Duration kLate = absl::Milliseconds(1);

// "1 image", "2 images".
std::string Count(int64_t count, std::string_view noun) { return StrCat(count, " ", noun, count == 1 ? "" : "s"); }

std::string SetupText(const BenchReport& report) {
  const BenchOptions& options = report.options;
  std::string text =
      absl::StrFormat("%s by %s (%s, %s, %s) at %s, %s%s%s\n", options.method, report.model.name, report.model.variant,
                      ToAbsl(DTypeName(report.model.dtype)), report.model.device, absl::StrJoin(options.servers, ", "),
                      Count(options.connections, "connection"), options.servers.size() > 1 ? " each" : "",
                      options.streams > 0 ? ", " + Count(options.streams, "stream") : "");
  if (options.rate_per_s > 0) {
    absl::StrAppendFormat(&text, "open loop, %s arrivals at %g/s, at most %d in flight", options.arrivals,
                          options.rate_per_s, options.max_in_flight);
  } else {
    absl::StrAppendFormat(&text, "closed loop, %d in flight", options.concurrency);
  }
  text += StrCat("; retries ", options.retries ? "on" : "off", "\n");
  return text + StrCat(Count(report.pool, "distinct request"), " of ", Count(options.items, "item"), ", ",
                       options.method == "decode" ? options.latents + " latents of " : options.input + " images of ",
                       options.pictures.empty() ? options.sizes : absl::StrJoin(options.pictures, ", "), "\n");
}

std::string RequestsText(const LoadStats& stats) {
  std::string text = absl::StrFormat("requests    %d due in %.2f s", stats.due, absl::ToDoubleSeconds(stats.window));
  const char* separator = ": ";
  const auto add = [&](int64_t count, absl::string_view what) {
    if (count == 0) return;
    absl::StrAppendFormat(&text, "%s%d %s", separator, count, what);
    separator = ", ";
  };
  for (const auto& [code, of_code] : stats.codes) add(of_code.latency.count(), absl::StatusCodeToString(code));
  add(stats.not_sent, "not sent");
  add(stats.abandoned, "given up");
  if (stats.retries > 0) absl::StrAppendFormat(&text, "; repeated %d times", stats.retries);
  return text + "\n";
}

std::string RatesText(const LoadStats& stats) {
  const BenchRates rates = RatesOf(stats);
  return absl::StrFormat(
      "throughput  %.1f requests/s, goodput %.1f requests/s\n"
      "            %.1f images/s, %.0f tokens/s, %.2f Mpixels/s, %.1f MB/s sent, %.1f MB/s received\n",
      rates.requests, rates.goodput, rates.images, rates.tokens, rates.pixels / 1e6, rates.sent_mb, rates.received_mb);
}

std::string HeaderRow(std::string_view title) {
  return absl::StrFormat("%-19s %8s %9s %9s %9s %9s %9s %9s %9s\n", ToAbsl(title), "count", "mean", "p50", "p90", "p95",
                         "p99", "p99.9", "max");
}

std::string Row(std::string_view name, const LatencyHistogram& histogram) {
  std::string row =
      absl::StrFormat("%-19s %8d %9.3f", ToAbsl(name), histogram.count(), absl::ToDoubleMilliseconds(histogram.mean()));
  for (const double percent : {50.0, 90.0, 95.0, 99.0, 99.9, 100.0}) {
    absl::StrAppendFormat(&row, " %9.3f", absl::ToDoubleMilliseconds(histogram.Percentile(percent)));
  }
  return row + "\n";
}

std::string TableText(const LoadStats& stats) {
  if (stats.codes.empty()) return "";
  std::string table = HeaderRow("latency, ms");
  for (const auto& [code, of_code] : stats.codes) table += Row(absl::StatusCodeToString(code), of_code.latency);
  if (stats.stages.front().count() > 0) {
    table += HeaderRow("stages of OK, ms");
    for (size_t i = 0; i < kStages.size(); ++i) table += Row(kStages[i].name, stats.stages[i]);
  }
  return table;
}

// What made requests wait before the server saw them.
std::string SharingNote(const BenchReport& report) {
  const int64_t in_flight = report.stats.most_in_flight;
  const int64_t streams = report.options.streams;
  if (streams > 0) {
    const int64_t window = report.server.limits.max_stream_requests;
    if (window == 0 || in_flight <= streams * window) return "";
    return absl::StrFormat(
        "note: %d requests in flight shared %d streams; the server takes %d at a time from each, the others waited, "
        "which counts as transport (see --streams)\n",
        in_flight, streams, window);
  }
  const int64_t connections = static_cast<int64_t>(report.options.servers.size()) * report.options.connections;
  if (in_flight <= connections * kCallsOfConnection) return "";
  return absl::StrFormat(
      "note: %d requests in flight shared %d connections; above %d each they may have waited for each other, which "
      "counts as transport (see --connections)\n",
      in_flight, connections, kCallsOfConnection);
}

std::string NotesText(const BenchReport& report) {
  const LoadStats& stats = report.stats;
  const absl::Duration delay = stats.send_delay.Percentile(99);
  std::string text =
      absl::StrFormat("load generator: %.2f CPU cores, at most %d in flight, p99 of requests sent %.3f ms late\n",
                      report.cpu_cores, stats.most_in_flight, absl::ToDoubleMilliseconds(delay));
  for (const auto& [code, of_code] : stats.codes) {
    if (code == absl::StatusCode::kOk) continue;
    absl::StrAppendFormat(&text, "first %s: %s\n", absl::StatusCodeToString(code), of_code.message);
  }
  if (stats.window == absl::ZeroDuration()) text += "note: the run ended within its warm-up; nothing was measured\n";
  if (stats.not_sent > 0) {
    absl::StrAppendFormat(&text, "note: %d of %d requests were not sent, as %d were in flight when they were due\n",
                          stats.not_sent, stats.due, report.options.max_in_flight);
  }
  text += SharingNote(report);
  if (delay > kLate) text += "note: the load generator was late; it lacks CPU, and latencies include its delay\n";
  return text;
}

}  // namespace

std::string ToText(const BenchReport& report) {
  return StrCat(SetupText(report), "\n", RequestsText(report.stats), RatesText(report.stats), "\n",
                TableText(report.stats), "\n", NotesText(report));
}

std::string ToText(const LoadProgress& progress) {
  const double seconds = absl::ToDoubleSeconds(progress.since_last);
  std::string text = absl::StrFormat("%.0f s%s  %.1f requests/s, %d in flight", absl::ToDoubleSeconds(progress.elapsed),
                                     progress.warming_up ? " (warm-up)"
                                     : progress.over     ? " (waiting for the last)"
                                                         : "",
                                     progress.finished / seconds, progress.in_flight);
  if (progress.failed > 0) absl::StrAppendFormat(&text, ", %d failed", progress.failed);
  if (progress.not_sent > 0) absl::StrAppendFormat(&text, ", %d not sent", progress.not_sent);
  return text;
}

}  // namespace vitok
