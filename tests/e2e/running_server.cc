#include "tests/e2e/running_server.h"

#include <fstream>
#include <iostream>

#include "core/base/str_cat.h"

namespace vitok {

RunningServer::RunningServer(const std::string& models, const Launch& launch)
    : target_("unix:" + (folder_ / "vitok.sock")) {
  const std::string config = folder_ / "server.yaml";
  std::ofstream(config) << "server:\n  listen: \"" << target_ << "\"\n  http_listen: \"\"\n" << models;
  if (!launch.environment.empty()) {
    command_ = {"/usr/bin/env"};
    command_.insert(command_.end(), launch.environment.begin(), launch.environment.end());
  }
  command_.insert(command_.end(), {VITOK_SERVER_PROGRAM, "--config", config});
  command_.insert(command_.end(), launch.arguments.begin(), launch.arguments.end());
  for (const std::string& item : launch.overrides) command_.insert(command_.end(), {"--set", item});
  process_.emplace(command_);
}

void RunningServer::Restart() { process_.emplace(command_); }

bool RunningServer::WaitUntilServing() {
  const ProgramResult result = Vitok({"models", "--wait", "60"});
  if (result.exit_code == 0) return true;
  std::cerr << result.err;
  process_->Signal(SIGKILL);
  std::cerr << process_->Wait().err;
  return false;
}

ProgramResult RunningServer::Vitok(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), VITOK_PROGRAM);
  arguments.insert(arguments.end(), {"--server", target_});
  return RunProgram(arguments);
}

std::unique_ptr<TokenizerClient> RunningServer::Connect() const {
  return TokenizerClient::Create(target_, {.deadline = absl::Seconds(120)}).value();
}

std::string OneModel(const std::string& dtype) {
  return StrCat("models:\n  - {name: tiny, folder: models/tiny-f16x64, dtype: ", dtype, "}\n");
}

}  // namespace vitok
