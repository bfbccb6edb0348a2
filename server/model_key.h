// The name of a model in this server: name and version. Free of torch.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>

namespace vitok {

struct ModelKey {
  std::string name;
  int64_t version = 1;  // >= 1

  // "tiny:3"
  std::string ToString() const { return name + ":" + std::to_string(version); }

  friend bool operator==(const ModelKey&, const ModelKey&) = default;
  friend bool operator<(const ModelKey& a, const ModelKey& b) {
    return std::tie(a.name, a.version) < std::tie(b.name, b.version);
  }
};

}  // namespace vitok
