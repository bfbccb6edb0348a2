#include "core/image/op_arguments.h"

#include <algorithm>

#include "core/base/str_cat.h"

namespace vitok {

absl::StatusOr<int64_t> ToInteger(std::string_view name, const ArgValue& value, int64_t max) {
  const auto* integer = std::get_if<int64_t>(&value.value);
  if (integer == nullptr) return absl::InvalidArgumentError(StrCat("argument '", name, "' must be an integer"));
  if (*integer < 1 || *integer > max) {
    return absl::InvalidArgumentError(StrCat(name, " must be in [1, ", max, "]; was ", *integer));
  }
  return *integer;
}

absl::StatusOr<double> ToNumber(std::string_view name, const ArgValue& value, Bounds bounds) {
  const auto* integer = std::get_if<int64_t>(&value.value);
  const auto* real = std::get_if<double>(&value.value);
  if (integer == nullptr && real == nullptr) {
    return absl::InvalidArgumentError(StrCat("argument '", name, "' must be a number"));
  }
  const double number = real != nullptr ? *real : static_cast<double>(*integer);
  if (!(number >= bounds.low && number <= bounds.high)) {
    return absl::InvalidArgumentError(StrCat(name, " must be in [", bounds.low, ", ", bounds.high, "]; was ", number));
  }
  return number;
}

const std::vector<ArgValue>* ValuesOf(const ArgValue& value) {
  if (const auto* list = std::get_if<ArgList>(&value.value)) return &list->values;
  if (const auto* tuple = std::get_if<ArgTuple>(&value.value)) return &tuple->values;
  return nullptr;
}

absl::StatusOr<OpArguments> OpArguments::Bind(const OpCall& call, std::initializer_list<std::string_view> names) {
  if (call.args.size() > names.size()) {
    return absl::InvalidArgumentError(
        StrCat(call.name, " takes at most ", names.size(), " arguments; was given ", call.args.size()));
  }
  OpArguments arguments;
  for (size_t i = 0; i < call.args.size(); ++i) arguments.bound_[names.begin()[i]] = &call.args[i];
  for (const auto& [keyword, value] : call.keyword_args) {
    const auto* known = std::find(names.begin(), names.end(), keyword);
    if (known == names.end()) {
      return absl::InvalidArgumentError(StrCat(call.name, " has no argument '", keyword, "'"));
    }
    if (!arguments.bound_.emplace(*known, &value).second) {
      return absl::InvalidArgumentError(StrCat("argument '", keyword, "' of ", call.name, " is given twice"));
    }
  }
  return arguments;
}

const ArgValue* OpArguments::Find(std::string_view name) const {
  const auto found = bound_.find(name);
  return found == bound_.end() ? nullptr : found->second;
}

absl::StatusOr<const ArgValue*> OpArguments::Get(std::string_view name) const {
  const ArgValue* const value = Find(name);
  if (value == nullptr) return absl::InvalidArgumentError(StrCat("argument '", name, "' is missing"));
  return value;
}

absl::Status OpArguments::ReadNumber(std::string_view name, Bounds bounds, double& value) const {
  const ArgValue* const argument = Find(name);
  if (argument == nullptr) return absl::OkStatus();
  VITOK_ASSIGN_OR_RETURN(value, ToNumber(name, *argument, bounds));
  return absl::OkStatus();
}

absl::Status OpArguments::ReadRange(std::string_view name, Bounds bounds, std::array<double, 2>& range) const {
  const ArgValue* const argument = Find(name);
  if (argument == nullptr) return absl::OkStatus();
  const std::vector<ArgValue>* const values = ValuesOf(*argument);
  if (values == nullptr || values->size() != range.size()) {
    return absl::InvalidArgumentError(StrCat("argument '", name, "' must be two numbers, as in (0.5, 1.0)"));
  }
  for (size_t i = 0; i < range.size(); ++i) {
    VITOK_ASSIGN_OR_RETURN(range[i], ToNumber(name, (*values)[i], bounds));
  }
  if (range[0] > range[1]) {
    return absl::InvalidArgumentError(
        StrCat(name, " must have the smaller number first; was (", range[0], ", ", range[1], ")"));
  }
  return absl::OkStatus();
}

}  // namespace vitok
