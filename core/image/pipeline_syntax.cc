#include "core/image/pipeline_syntax.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/image/value_reader.h"

namespace vitok {
namespace {

// Blanks around a part do not belong to it.
std::string_view StripBlanks(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\f\v";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return text.substr(text.size());
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

absl::StatusOr<ArgValue> ReadArgument(ValueReader& reader) {
  const std::string_view word = reader.ReadWord();
  if (word.empty()) return reader.ReadValue();
  if (std::optional<ArgValue> constant = NamedConstant(word); constant.has_value()) return *std::move(constant);
  return ArgValue{std::string(word)};
}

absl::Status ReadArguments(ValueReader& reader, OpCall& call) {
  while (!reader.Take(')')) {
    const std::string_view keyword = reader.ReadKeyword();
    VITOK_ASSIGN_OR_RETURN(ArgValue value, ReadArgument(reader));
    if (!keyword.empty()) {
      if (!call.keyword_args.emplace(keyword, std::move(value)).second) {
        return reader.Error(StrCat("argument '", keyword, "' is given twice"));
      }
    } else if (!call.keyword_args.empty()) {
      return reader.Error("a positional argument follows a keyword argument");
    } else {
      call.args.push_back(std::move(value));
    }
    if (!reader.Take(',') && !reader.Peek(')')) return reader.Error("expected ',' or ')'");
  }
  return absl::OkStatus();
}

// `call.text`, `part` and `position` are set.
absl::Status ParseCall(OpCall& call) {
  ValueReader reader(call.text);
  call.name = reader.ReadName();
  if (call.name.empty()) return reader.Error("expected the name of an operation");
  if (reader.Take('(')) VITOK_RETURN_IF_ERROR(ReadArguments(reader, call));
  if (!reader.AtEnd()) return reader.Error("expected the end of the operation");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<OpCall>> ParsePipelineSyntax(std::string_view text) {
  std::vector<OpCall> calls;
  size_t begin = 0;
  for (int part = 1; begin <= text.size(); ++part) {
    const size_t end = std::min(text.find('|', begin), text.size());
    OpCall call;
    call.text = StripBlanks(text.substr(begin, end - begin));
    call.part = part;
    call.position = call.text.data() - text.data();
    begin = end + 1;
    if (call.text.empty()) continue;
    if (const absl::Status status = ParseCall(call); !status.ok()) {
      return PartError(call, std::string(status.message()));
    }
    calls.push_back(std::move(call));
  }
  return calls;
}

absl::StatusOr<OpCall> ParseOpSyntax(std::string_view text) {
  OpCall call;
  call.text = StripBlanks(text);
  call.part = 1;
  call.position = call.text.data() - text.data();
  if (call.text.empty()) return absl::InvalidArgumentError("operation is empty");
  if (const absl::Status status = ParseCall(call); !status.ok()) return PartError(call, std::string(status.message()));
  return call;
}

absl::Status PartError(const OpCall& call, std::string_view reason) {
  constexpr size_t kMaxTextBytes = 80;  // the text may come from a request
  const std::string_view dots = call.text.size() > kMaxTextBytes ? "..." : "";
  return absl::InvalidArgumentError(StrCat("preprocessing part ", call.part, " \"", call.text.substr(0, kMaxTextBytes),
                                           dots, "\" at position ", call.position, ": ", reason));
}

}  // namespace vitok
