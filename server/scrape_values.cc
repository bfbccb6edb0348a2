#include "server/scrape_values.h"

#include <utility>

namespace vitok {

void ScrapeValues::Add(Kind kind, const std::string& name, const std::string& help, const prometheus::Labels& labels,
                       Reader reader) {
  AddGroup(kind, name, help, labels, "", [reader = std::move(reader)]() -> std::map<std::string, double> {
    const std::optional<double> value = reader();
    if (!value.has_value()) return {};
    return {{"", *value}};
  });
}

void ScrapeValues::AddGroup(Kind kind, const std::string& name, const std::string& help,
                            const prometheus::Labels& labels, const std::string& label, GroupReader reader) {
  absl::MutexLock lock(&mutex_);
  Family& family = families_.try_emplace(name, Family{kind, help, {}}).first->second;
  family.series.push_back({labels, label, std::move(reader)});
}

std::vector<prometheus::MetricFamily> ScrapeValues::Collect() const {
  absl::MutexLock lock(&mutex_);
  std::vector<prometheus::MetricFamily> collected;
  for (const auto& [name, family] : families_) {
    const bool counts = family.kind == Kind::kCounter;
    prometheus::MetricFamily out{
        name, family.help, counts ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge, {}};
    for (const Series& series : family.series) {
      for (const auto& [label_value, value] : series.reader()) {
        prometheus::ClientMetric metric;
        for (const auto& [label, text] : series.labels) metric.label.push_back({label, text});
        if (!series.label.empty()) metric.label.push_back({series.label, label_value});
        (counts ? metric.counter.value : metric.gauge.value) = value;
        out.metric.push_back(std::move(metric));
      }
    }
    if (!out.metric.empty()) collected.push_back(std::move(out));
  }
  return collected;
}

}  // namespace vitok
