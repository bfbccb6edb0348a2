// Metrics that somebody else keeps: read when they are asked for. Free of torch.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "prometheus/collectable.h"
#include "prometheus/labels.h"
#include "prometheus/metric_family.h"

namespace vitok {

// Thread-safe. Readers run on the thread that collects; they must not call this object.
class ScrapeValues : public prometheus::Collectable {
 public:
  using Reader = std::function<std::optional<double>()>;  // nullopt: not known now, so no sample

  enum class Kind { kCounter, kGauge };

  // Adds a series to the family `name`, which the first call describes.
  void Add(Kind kind, const std::string& name, const std::string& help, const prometheus::Labels& labels,
           Reader reader);

  // One read that gives several values of one family, those without a label value left out: for what costs a system
  // call or is consistent only together. `label` is the name of the label that tells them apart.
  using GroupReader = std::function<std::map<std::string, double>()>;
  void AddGroup(Kind kind, const std::string& name, const std::string& help, const prometheus::Labels& labels,
                const std::string& label, GroupReader reader);

  // Families in the order of their names; those without a value now are left out.
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  struct Series {
    prometheus::Labels labels;
    std::string label;  // of a group, else empty
    GroupReader reader;
  };
  struct Family {
    Kind kind;
    std::string help;
    std::vector<Series> series;
  };

  mutable absl::Mutex mutex_;
  std::map<std::string, Family> families_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace vitok
