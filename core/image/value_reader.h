// Reads names and literal values of the preprocessing language from a text (grammar: core/image/pipeline_syntax.h).
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/image/pipeline_syntax.h"

namespace vitok {

// A cursor over one operation. Blanks and line ends before each token are skipped.
class ValueReader {
 public:
  explicit ValueReader(std::string_view text) : text_(text) {}

  bool AtEnd();
  bool Peek(char wanted);
  bool Take(char wanted);

  // One or more word characters (letters, digits, '_'); empty if there are none.
  std::string_view ReadName();

  // A name that does not begin with a digit and is the whole argument (followed by ',' or ')'); empty if there is none.
  std::string_view ReadWord();

  // A name before a '=', both taken; empty if there is none.
  std::string_view ReadKeyword();

  // A value that is no bare word.
  absl::StatusOr<ArgValue> ReadValue() { return ReadValue(0); }

  // INVALID_ARGUMENT "<what> at character 12, near 'xyz'".
  absl::Status Error(std::string_view what);

 private:
  void SkipBlanks();
  absl::StatusOr<ArgValue> ReadValue(int depth);
  absl::StatusOr<std::vector<ArgValue>> ReadValues(char close, int depth, bool& has_comma);
  absl::StatusOr<ArgValue> ReadNumber();
  absl::StatusOr<ArgValue> ReadString(char quote);

  std::string_view text_;
  size_t next_ = 0;
};

// The value of True, False and None.
std::optional<ArgValue> NamedConstant(std::string_view word);

}  // namespace vitok
