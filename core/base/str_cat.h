// absl::StrCat for arguments that include std::string_view: distributions build abseil with a string_view of its own
// (ABSL_OPTION_USE_STD_STRING_VIEW 0), which std::string_view does not convert to.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace vitok {

inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

namespace internal {

template <typename T>
decltype(auto) StrCatArgument(const T& value) {
  if constexpr (std::is_same_v<T, std::string_view>) {
    return ToAbsl(value);
  } else {
    return (value);
  }
}

}  // namespace internal

// The arguments of absl::StrCat (strings, numbers, absl::Hex...) and std::string_view, one after the other.
template <typename... Args>
std::string StrCat(const Args&... args) {
  return absl::StrCat(internal::StrCatArgument(args)...);
}

}  // namespace vitok
