// The two line formats of the log (log.h).
#pragma once

#include <spdlog/formatter.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "core/base/log.h"

namespace vitok {

// What LogEvent is about to log on this thread. spdlog's messages carry text only; formatters run on the thread that
// logs and find the fields here.
struct PendingEvent {
  std::string_view message;
  absl::Span<const LogField> fields;
};

// Makes `event` the calling thread's pending event as long as the object lives.
class ScopedPendingEvent {
 public:
  explicit ScopedPendingEvent(const PendingEvent& event);
  ~ScopedPendingEvent();
  ScopedPendingEvent(const ScopedPendingEvent&) = delete;
  ScopedPendingEvent& operator=(const ScopedPendingEvent&) = delete;
};

// "message name=value ...", strings in quotes where they would not read as one word.
std::string EventText(const PendingEvent& event);

std::unique_ptr<spdlog::formatter> MakeLogFormatter(LogOptions::Format format);

}  // namespace vitok
