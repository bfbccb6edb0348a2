// --priority, for all commands that send work.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "client/tokenizer_types.h"

namespace vitok {

inline constexpr char kDefaultPriority[] = "interactive";

inline CLI::Option* AddPriorityOption(CLI::App& command, std::string* priority) {
  return command.add_option("--priority", *priority, "Which requests go first when the server is busy; none starves")
      ->check(CLI::IsMember({"interactive", "batch", "background"}))
      ->capture_default_str();
}

// REQUIRES: one of the option's values.
inline RequestPriority ParsePriority(const std::string& priority) {
  if (priority == "batch") return RequestPriority::kBatch;
  return priority == "background" ? RequestPriority::kBackground : RequestPriority::kInteractive;
}

}  // namespace vitok
