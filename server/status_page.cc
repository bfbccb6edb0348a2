#include "server/status_page.h"

#include <initializer_list>
#include <optional>
#include <string_view>

#include "absl/strings/str_format.h"
#include "core/base/str_cat.h"
#include "server/status_details.h"

namespace vitok {
namespace {

constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>vitok-server</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #1c1e21; }
h1 { font-size: 1.5rem; margin: 0; }
h2 { font-size: 1.05rem; margin: 1.8rem 0 .4rem; }
p { margin: .3rem 0; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid #d8dce0; vertical-align: top; }
th, td { white-space: nowrap; }
th { font-weight: 600; color: #59636e; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
.m { white-space: normal; overflow-wrap: anywhere; min-width: 18rem; width: 100%; }
.t { overflow-x: auto; }
.ok, .bad { padding: .1rem .6rem; border-radius: .3rem; font-weight: 600; }
.ok { background: #dafbe1; color: #116329; }
.bad { background: #ffebe9; color: #a40e26; }
.dim { color: #59636e; }
meter { width: 8rem; vertical-align: middle; }
@media (prefers-color-scheme: dark) {
  body { background: #14171a; color: #e3e6e8; }
  th, .dim { color: #9aa4ad; }
  th, td { border-color: #33393f; }
  .ok { background: #12361f; color: #7ee2a0; }
  .bad { background: #4a1218; color: #ffb3ad; }
}
</style>
</head>
<body>
)";

std::string Escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\'': escaped += "&#39;"; break;
      default: escaped += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    }
  }
  return escaped;
}

std::string Text(std::string_view text) { return StrCat("<td>", Escape(text), "</td>"); }
std::string Number(std::string_view text) { return StrCat("<td class=\"n\">", Escape(text), "</td>"); }

// 1234567 as "1,234,567".
std::string Grouped(int64_t value) {
  std::string digits = std::to_string(value);
  const size_t first = value < 0 ? 1 : 0;
  for (size_t at = digits.size(); at > first + 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

// Three digits that matter: "0.25", "12.5", "1,234".
std::string Rate(double value) {
  if (value >= 100) return Grouped(static_cast<int64_t>(value + 0.5));
  return value >= 10 ? absl::StrFormat("%.1f", value) : absl::StrFormat("%.2f", value);
}

std::string Milliseconds(const std::optional<absl::Duration>& duration) {
  return duration.has_value() ? Rate(absl::ToDoubleMilliseconds(*duration)) : "";
}

// "5.0 M", "4.54 B".
std::string Count(int64_t value) {
  const auto number = static_cast<double>(value);
  if (number >= 1e9) return absl::StrFormat("%.2f B", number / 1e9);
  if (number >= 1e6) return absl::StrFormat("%.1f M", number / 1e6);
  return Grouped(value);
}

std::string TimeText(absl::Time time) { return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", time, absl::UTCTimeZone()); }

// "3 d 4 h", "12 min 5 s"
std::string Age(absl::Duration age) {
  const int64_t seconds = absl::ToInt64Seconds(age);
  if (seconds >= 86400) return StrCat(seconds / 86400, " d ", seconds % 86400 / 3600, " h");
  if (seconds >= 3600) return StrCat(seconds / 3600, " h ", seconds % 3600 / 60, " min");
  if (seconds >= 60) return StrCat(seconds / 60, " min ", seconds % 60, " s");
  return StrCat(seconds, " s");
}

struct Column {
  std::string_view title;
  bool is_number = false;
};

// A heading and a table, or `empty` where there is no row.
std::string Section(std::string_view title, std::initializer_list<Column> columns, const std::string& rows,
                    std::string_view empty) {
  std::string html = StrCat("<h2>", title, "</h2>\n");
  if (rows.empty()) return StrCat(html, "<p class=\"dim\">", empty, "</p>\n");
  html += "<div class=\"t\"><table>\n<tr>";
  for (const Column& column : columns) {
    html += StrCat(column.is_number ? "<th class=\"n\">" : "<th>", column.title, "</th>");
  }
  return StrCat(html, "</tr>\n", rows, "</table></div>\n");
}

std::string Header(const StatusReport& report) {
  const std::string state = report.not_ready.empty()
                                ? "<span class=\"ok\">ready</span>"
                                : StrCat("<span class=\"bad\">not ready</span> ", Escape(report.not_ready));
  return StrCat("<h1>vitok-server</h1>\n<p>", state, " &middot; up ", Age(report.uptime), " &middot; ",
                TimeText(report.now), "</p>\n<p class=\"dim\">version ", Escape(report.version), " (",
                Escape(report.build), ") &middot; <a href=\"/metrics\">metrics</a></p>\n");
}

std::string Models(const StatusReport& report) {
  std::string rows;
  for (const StatusReport::Model& model : report.models) {
    rows += StrCat("<tr>", Text(model.name), Number(Grouped(model.version)), Text(model.state), Text(model.variant),
                   Text(model.dtype), Text(model.device), Number(Count(model.parameters)), "</tr>\n");
  }
  return Section("Models",
                 {{"name"}, {"version", true}, {"state"}, {"variant"}, {"dtype"}, {"device"}, {"parameters", true}},
                 rows, "No model is loaded.");
}

std::string OfBound(int64_t value, int64_t bound) {
  return StrCat("<td class=\"n\">", Grouped(value), " of ", Grouped(bound), "</td><td><meter min=\"0\" max=\"", bound,
                "\" value=\"", value, "\"></meter></td>");
}

std::string Queues(const StatusReport& report) {
  std::string rows;
  for (const StatusReport::Queue& queue : report.queues) {
    rows += StrCat("<tr>", Text(queue.device), OfBound(queue.requests, queue.max_requests),
                   OfBound(queue.tokens, queue.max_tokens), Number(Grouped(queue.batches)), "</tr>\n");
  }
  return Section("Admitted and not finished",
                 {{"device"}, {"items", true}, {""}, {"tokens", true}, {""}, {"batches running", true}}, rows,
                 "There is no device.");
}

std::string Rates(const StatusReport& report) {
  constexpr double kMega = 1e6;
  std::string rows;
  for (const MethodRates& rate : report.rates) {
    rows += StrCat("<tr>", Text(rate.model.ToString()), Text(rate.method), Number(Rate(rate.requests)),
                   Number(Rate(rate.images)), Number(Rate(rate.tokens)), Number(Rate(rate.pixels / kMega)),
                   Number(Milliseconds(rate.p50)), Number(Milliseconds(rate.p95)), "</tr>\n");
  }
  return Section("The last minute (latencies are those of refused calls too)",
                 {{"model"},
                  {"method"},
                  {"requests/s", true},
                  {"images/s", true},
                  {"tokens/s", true},
                  {"Mpixel/s", true},
                  {"p50 ms", true},
                  {"p95 ms", true}},
                 rows, "No call ended in the last minute.");
}

std::string Refusals(const StatusReport& report) {
  std::string rows;
  for (const auto& [reason, count] : report.refusals) {
    if (count > 0) rows += StrCat("<tr>", Text(reason), Number(Grouped(count)), "</tr>\n");
  }
  return Section("Calls refused since the start", {{"reason"}, {"calls", true}}, rows, "None.");
}

std::string Errors(const StatusReport& report) {
  std::string rows;
  for (const RecentError& error : report.errors) {
    rows += StrCat("<tr>", Number(StrCat(Age(report.now - error.time), " ago")), Text(error.method), Text(error.model),
                   Text(CodeName(error.code)), "<td class=\"m\">", Escape(error.message), "</td>",
                   Number(Grouped(error.count)), "</tr>\n");
  }
  return Section("Recent errors", {{"last seen", true}, {"method"}, {"model"}, {"code"}, {"message"}, {"times", true}},
                 rows, "None.");
}

}  // namespace

std::string RenderStatusPage(const StatusReport& report) {
  return StrCat(kHead, Header(report), Models(report), Queues(report), Rates(report), Refusals(report), Errors(report),
                "</body>\n</html>\n");
}

}  // namespace vitok
