// Spans for tests of what carries them.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/tracing/random_ids.h"
#include "server/tracing/span.h"

namespace vitok {

// So many spans of one name.
class PlainSpans : public SpanSource {
 public:
  PlainSpans(std::string name, size_t count) : name_(std::move(name)), count_(count) {}

  size_t CountSpans() const override { return count_; }
  void AppendSpans(std::vector<Span>& spans) const override {
    for (size_t i = 0; i < count_; ++i) {
      Span span;
      span.context = {NewTraceId(), NewSpanId()};
      span.name = name_;
      spans.push_back(span);
    }
  }

 private:
  const std::string name_;
  const size_t count_;
};

inline std::unique_ptr<SpanSource> Spans(std::string name, size_t count = 1) {
  return std::make_unique<PlainSpans>(std::move(name), count);
}

}  // namespace vitok
