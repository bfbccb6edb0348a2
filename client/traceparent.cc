#include "client/traceparent.h"

#include "absl/strings/escaping.h"
#include "core/base/str_cat.h"

namespace vitok {

absl::Status CheckTraceparent(std::string_view text) {
  constexpr std::string_view kForm = "00-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
  bool good = text.empty() || text.size() == kForm.size();
  for (size_t i = 0; good && i < text.size(); ++i) {
    const bool is_digit = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
    good = kForm[i] == 'x' ? is_digit : text[i] == kForm[i];
  }
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat("traceparent must have the form ", kForm, " (x: a digit 0-9 or a-f); was \"",
                                           absl::CHexEscape(ToAbsl(text)), "\""));
}

}  // namespace vitok
