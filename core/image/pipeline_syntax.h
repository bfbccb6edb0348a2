// The syntax of the preprocessing language: text to operation names and typed arguments. Which operations exist, and
// what they accept, is not known here (core/image/transforms.h).
//
//   pipeline = [op] {"|" [op]}                  the split at "|" comes first, also inside quotes; empty parts are
//   skipped op       = NAME ["(" [arg {"," arg} [","]] ")"] arg      = [NAME "="] (value | WORD)        positional
//   arguments first; WORD, a bare word, is a string value    = INT | FLOAT | STRING | "True" | "False" | "None" | "["
//   values "]" | "(" values ")"
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

namespace vitok {

struct ArgValue;

struct ArgNone {};

struct ArgList {
  std::vector<ArgValue> values;
};

struct ArgTuple {
  std::vector<ArgValue> values;
};

// One argument, as written.
struct ArgValue {
  std::variant<ArgNone, bool, int64_t, double, std::string, ArgList, ArgTuple> value;
};

// One operation of a pipeline, as written.
struct OpCall {
  std::string name;
  std::vector<ArgValue> args;
  std::map<std::string, ArgValue> keyword_args;
  int part = 0;           // counted from 1, skipped empty parts included
  int64_t position = 0;   // bytes from the start of the pipeline
  std::string_view text;  // the part without blanks around it; points into the parsed text
};

// Parses a whole pipeline; no operation at all gives an empty list. INVALID_ARGUMENT names the part, the position of
// the error and what was expected there.
absl::StatusOr<std::vector<OpCall>> ParsePipelineSyntax(std::string_view text);

// Parses one operation. INVALID_ARGUMENT also for an empty text.
absl::StatusOr<OpCall> ParseOpSyntax(std::string_view text);

// INVALID_ARGUMENT about a part: `part 2 "flip(2)" at position 10: <reason>`.
absl::Status PartError(const OpCall& call, std::string_view reason);

}  // namespace vitok
