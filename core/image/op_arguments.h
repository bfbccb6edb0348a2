// The arguments of one operation of the preprocessing language, matched to its parameters and checked.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/status_macros.h"
#include "core/image/pipeline_syntax.h"

namespace vitok {

// A closed range of numbers.
struct Bounds {
  double low = 0.0, high = 0.0;
};

// An integer in [1, max]. Errors here and below are INVALID_ARGUMENT and name the argument, its value and the bound.
absl::StatusOr<int64_t> ToInteger(std::string_view name, const ArgValue& value, int64_t max);

// An integer or a float within `bounds`.
absl::StatusOr<double> ToNumber(std::string_view name, const ArgValue& value, Bounds bounds);

// The values of a list or tuple; null if `value` is neither.
const std::vector<ArgValue>* ValuesOf(const ArgValue& value);

// The call must outlive its arguments.
class OpArguments {
 public:
  // Refuses arguments that are surplus, unknown or given twice. `names` are the parameters in order.
  static absl::StatusOr<OpArguments> Bind(const OpCall& call, std::initializer_list<std::string_view> names);

  // The argument, or null if it is not given.
  const ArgValue* Find(std::string_view name) const;

  // The argument, or an error if it is not given.
  absl::StatusOr<const ArgValue*> Get(std::string_view name) const;

  // An integer in [1, max]; `value` stays if the argument is not given, which is an error if it is 0.
  template <typename Integer>
  absl::Status ReadInteger(std::string_view name, int64_t max, Integer& value) const {
    if (Find(name) == nullptr && value > 0) return absl::OkStatus();
    VITOK_ASSIGN_OR_RETURN(const ArgValue* const argument, Get(name));
    VITOK_ASSIGN_OR_RETURN(const int64_t integer, ToInteger(name, *argument, max));
    value = static_cast<Integer>(integer);
    return absl::OkStatus();
  }

  // A number within `bounds`; `value` stays if it is not given.
  absl::Status ReadNumber(std::string_view name, Bounds bounds, double& value) const;

  // Two numbers within `bounds`, the smaller one first; `range` stays if it is not given.
  absl::Status ReadRange(std::string_view name, Bounds bounds, std::array<double, 2>& range) const;

 private:
  std::map<std::string_view, const ArgValue*> bound_;
};

}  // namespace vitok
