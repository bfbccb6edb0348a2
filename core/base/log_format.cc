#include "core/base/log_format.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

using nlohmann::ordered_json;

thread_local const PendingEvent* pending_event = nullptr;

std::string JsonText(const ordered_json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, ordered_json::error_handler_t::replace);
}

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

std::string EscapeControls(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    if (c == '\n') {
      escaped += "\\n";
    } else if (IsControl(c)) {
      absl::StrAppendFormat(&escaped, "\\x%02x", static_cast<unsigned char>(c));
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string ValueText(const std::string& value) {
  const auto breaks_word = [](char c) { return c == ' ' || c == '"' || c == '=' || c == '\\' || IsControl(c); };
  const bool is_word = !value.empty() && std::none_of(value.begin(), value.end(), breaks_word);
  return is_word ? value : JsonText(value);
}

std::string_view LevelName(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace: return "trace";
    case spdlog::level::debug: return "debug";
    case spdlog::level::info: return "info";
    case spdlog::level::warn: return "warn";
    case spdlog::level::err: return "error";
    case spdlog::level::critical: return "critical";
    default: return "off";
  }
}

std::string TimeText(spdlog::log_clock::time_point time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::FromChrono(time), absl::UTCTimeZone());
}

std::string_view View(const spdlog::string_view_t& text) { return {text.data(), text.size()}; }

class TextFormatter : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override {
    const std::string text =
        StrCat(TimeText(message.time), " ", LevelName(message.level), " ", EscapeControls(View(message.payload)), "\n");
    line.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<TextFormatter>(); }
};

class JsonFormatter : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override {
    ordered_json event = {{"time", TimeText(message.time)}, {"level", LevelName(message.level)}};
    if (pending_event == nullptr) {
      event["message"] = View(message.payload);
    } else {
      event["message"] = pending_event->message;
      for (const LogField& field : pending_event->fields) {
        std::visit([&](const auto& value) { event[std::string(field.name)] = value; }, field.value);
      }
    }
    const std::string text = JsonText(event) + "\n";
    line.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<JsonFormatter>(); }
};

}  // namespace

ScopedPendingEvent::ScopedPendingEvent(const PendingEvent& event) { pending_event = &event; }

ScopedPendingEvent::~ScopedPendingEvent() { pending_event = nullptr; }

std::string EventText(const PendingEvent& event) {
  std::string text(event.message);
  for (const LogField& field : event.fields) {
    text += StrCat(" ", field.name, "=");
    if (const std::string* value = std::get_if<std::string>(&field.value)) {
      text += ValueText(*value);
    } else {
      std::visit([&](const auto& value) { text += JsonText(value); }, field.value);
    }
  }
  return text;
}

std::unique_ptr<spdlog::formatter> MakeLogFormatter(LogOptions::Format format) {
  if (format == LogOptions::Format::kJson) return std::make_unique<JsonFormatter>();
  return std::make_unique<TextFormatter>();
}

}  // namespace vitok
