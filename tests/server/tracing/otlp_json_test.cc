#include "server/tracing/otlp_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

namespace vitok {
namespace {

using Json = nlohmann::json;

constexpr TraceId kTrace = {0x0123456789abcdef, 0xfedcba9876543210};
constexpr TraceId kOtherTrace = {0, 0xa};

Span FullSpan() {
  Span span;
  span.context = {kTrace, {0xb}};
  span.parent = {0xc};
  span.remote_parent = true;
  span.trace_state = "a=1";
  span.name = "vitok.v1.Tokenizer/Encode";
  span.kind = Span::Kind::kServer;
  span.start = absl::FromUnixNanos(1'700'000'000'123'456'789);
  span.end = absl::FromUnixNanos(1'700'000'001'000'000'000);
  span.attributes = {{"text", "t"}, {"whole", int64_t{-5}}, {"part", 0.5}};
  span.links = {{kOtherTrace, {0xd}}};
  span.error = true;
  span.error_message = "broken";
  return span;
}

Json Export(const std::vector<Span>& spans) {
  return Json::parse(ToOtlpJson({.service_version = "1.2.3", .instance_id = "id", .host_name = "pod-1"}, spans));
}

Json SpanOf(const Json& request) { return request.at("resourceSpans").at(0).at("scopeSpans").at(0).at("spans").at(0); }

TEST(OtlpJsonTest, ASpanHasTheFieldsOfOtlp) {
  EXPECT_EQ(SpanOf(Export({FullSpan()})), Json::parse(R"({
    "traceId": "0123456789abcdeffedcba9876543210",
    "spanId": "000000000000000b",
    "parentSpanId": "000000000000000c",
    "traceState": "a=1",
    "flags": 769,
    "name": "vitok.v1.Tokenizer/Encode",
    "kind": 2,
    "startTimeUnixNano": "1700000000123456789",
    "endTimeUnixNano": "1700000001000000000",
    "attributes": [
      {"key": "text", "value": {"stringValue": "t"}},
      {"key": "whole", "value": {"intValue": "-5"}},
      {"key": "part", "value": {"doubleValue": 0.5}}
    ],
    "links": [{"traceId": "0000000000000000000000000000000a", "spanId": "000000000000000d", "flags": 257}],
    "status": {"code": 2, "message": "broken"}
  })"));
}

TEST(OtlpJsonTest, WhatASpanLacksIsLeftOut) {
  Span root;
  root.context = {kTrace, {0xb}};
  const Json span = SpanOf(Export({root}));
  for (const char* field : {"parentSpanId", "traceState", "links", "status"}) EXPECT_FALSE(span.contains(field));
  EXPECT_EQ(span.at("flags"), 257);
  EXPECT_EQ(span.at("kind"), 1);
}

TEST(OtlpJsonTest, TheResourceNamesTheServer) {
  const Json request = Export({FullSpan()});
  std::map<std::string, std::string> attributes;
  for (const Json& attribute : request.at("resourceSpans").at(0).at("resource").at("attributes")) {
    attributes[attribute.at("key")] = attribute.at("value").at("stringValue");
  }
  const std::map<std::string, std::string> expected = {{"service.name", "vitok-server"},
                                                       {"service.version", "1.2.3"},
                                                       {"service.instance.id", "id"},
                                                       {"host.name", "pod-1"}};
  EXPECT_EQ(attributes, expected);
}

TEST(OtlpJsonTest, BytesThatAreNotTextDoNotBreakIt) {
  Span span = FullSpan();
  span.error_message = "\xff\"\n";
  EXPECT_EQ(SpanOf(Export({span})).at("status").at("message"), "\xef\xbf\xbd\"\n");
}

TEST(OtlpJsonTest, ReadsHowManySpansWereRejected) {
  EXPECT_EQ(ParseRejectedSpans(R"({"partialSuccess": {"rejectedSpans": "3", "errorMessage": "full"}})"), 3);
  EXPECT_EQ(ParseRejectedSpans(R"({"partialSuccess": {"rejectedSpans": 4}})"), 4);
  for (const char* none :
       {"", "{}", "[]", "no json", R"({"partialSuccess": 5})", R"({"partialSuccess": {}})",
        R"({"partialSuccess": {"rejectedSpans": "many"}})", R"({"partialSuccess": {"rejectedSpans": -1}})"}) {
    EXPECT_EQ(ParseRejectedSpans(none), 0) << none;
  }
}

}  // namespace
}  // namespace vitok
