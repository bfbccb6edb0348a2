// Cases of the preprocessing language: dsl_parse, dsl_error, dsl_pipeline.
#include <gtest/gtest.h>

#include <string>

#include "core/image/pipeline_syntax.h"
#include "core/image/preprocessor.h"
#include "tests/golden/pp_case.h"

namespace vitok::golden {
namespace {

using nlohmann::json;

json ToJson(const ArgValue& value);

json ToJson(const std::vector<ArgValue>& values) {
  json list = json::array();
  for (const ArgValue& value : values) list.push_back(ToJson(value));
  return list;
}

// The tagged form of the goldens: {"t": "int", "v": 256}.
json ToJson(const ArgValue& value) {
  struct Visitor {
    json operator()(const ArgNone&) { return {{"t", "none"}}; }
    json operator()(bool v) { return {{"t", "bool"}, {"v", v}}; }
    json operator()(int64_t v) { return {{"t", "int"}, {"v", v}}; }
    json operator()(double v) { return {{"t", "float"}, {"v", v}}; }
    json operator()(const std::string& v) { return {{"t", "str"}, {"v", v}}; }
    json operator()(const ArgList& v) { return {{"t", "list"}, {"v", ToJson(v.values)}}; }
    json operator()(const ArgTuple& v) { return {{"t", "tuple"}, {"v", ToJson(v.values)}}; }
  };
  return std::visit(Visitor{}, value.value);
}

json ToJson(const OpCall& call) {
  json keyword_args = json::object();
  for (const auto& [name, value] : call.keyword_args) keyword_args[name] = ToJson(value);
  return {{"name", call.name}, {"args", ToJson(call.args)}, {"kwargs", keyword_args}};
}

std::string TextOf(const PpCase& pp_case) { return pp_case.description.at("text").get<std::string>(); }

void CheckParse(const PpCase& pp_case) {
  const std::string text = TextOf(pp_case);
  const absl::StatusOr<OpCall> call = ParseOpSyntax(text);
  ASSERT_TRUE(call.ok()) << call.status();
  EXPECT_EQ(ToJson(*call), pp_case.description.at("expect"));
}

void CheckPipeline(const PpCase& pp_case) {
  const std::string text = TextOf(pp_case);
  const absl::StatusOr<std::vector<OpCall>> calls = ParsePipelineSyntax(text);
  ASSERT_TRUE(calls.ok()) << calls.status();
  json ops = json::array();
  for (const OpCall& call : *calls) ops.push_back(ToJson(call));
  EXPECT_EQ(ops, pp_case.description.at("expect").at("ops"));
  EXPECT_EQ(Preprocessor::Parse(text).status(), absl::OkStatus());
}

// Too many tokens: refused when run on the image of 48 rows and 64 columns that the cases are about. Without an
// operation that makes a tensor, one is put before it.
void ExpectTokenOverflow(const std::string& text) {
  const absl::StatusOr<Preprocessor> preprocessor = Preprocessor::Parse("to_tensor|" + text);
  ASSERT_TRUE(preprocessor.ok()) << preprocessor.status();
  EXPECT_EQ(preprocessor->Run(RgbImage(48, 64)).status().code(), absl::StatusCode::kInvalidArgument);
}

void CheckError(const PpCase& pp_case) {
  const std::string text = TextOf(pp_case);
  const std::string error = pp_case.description.at("expect").at("error_kind").get<std::string>();
  if (error == "token_overflow") return ExpectTokenOverflow(text);
  // An empty pipeline is the identity; an empty operation is an error.
  const bool bad_syntax = error == "syntax" || error == "empty";
  const absl::Status parsed = error == "empty" ? ParseOpSyntax(text).status() : ParsePipelineSyntax(text).status();
  EXPECT_EQ(parsed.ok(), !bad_syntax) << parsed;
  if (error == "empty") return;
  const absl::Status status = Preprocessor::Parse(text).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  const bool says_unknown = status.message().find("unknown operation") != absl::string_view::npos;
  EXPECT_EQ(says_unknown, error == "unknown_op") << status;
}

}  // namespace

void AddLanguageChecks(PpChecks& checks) {
  checks["dsl_parse"] = CheckParse;
  checks["dsl_pipeline"] = CheckPipeline;
  checks["dsl_error"] = CheckError;
}

}  // namespace vitok::golden
