// The real vitok-server as a process of its own, and the real vitok beside it.
#pragma once

#include <signal.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/tokenizer_client.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_folder.h"

namespace vitok {

// Serves the models of a configuration on a unix socket in a temporary folder, without metrics.
//
//   RunningServer server(OneModel("float32"));
//   ASSERT_TRUE(server.WaitUntilServing());
//   ProgramResult result = server.Vitok({"models"});
class RunningServer {
 public:
  struct Launch {
    std::vector<std::string> overrides;    // of the configuration: "limits.max_message_bytes=65536"
    std::vector<std::string> arguments;    // besides
    std::vector<std::string> environment;  // "NAME=value", besides that of the test
  };

  // `models`: the `models` section of a server configuration, as YAML.
  explicit RunningServer(const std::string& models, const std::vector<std::string>& overrides = {})
      : RunningServer(models, Launch{.overrides = overrides}) {}
  RunningServer(const std::string& models, const Launch& launch);

  // Starts the program again at the same socket. REQUIRES: it has ended.
  void Restart();

  // False, after printing its log, if the server does not answer within a minute.
  bool WaitUntilServing();

  // Runs `vitok` with these arguments and this server.
  ProgramResult Vitok(std::vector<std::string> arguments) const;

  std::unique_ptr<TokenizerClient> Connect() const;

  Subprocess& process() { return *process_; }
  const std::string& target() const { return target_; }

 private:
  TempFolder folder_;
  const std::string target_;
  std::vector<std::string> command_;
  std::optional<Subprocess> process_;
};

// YAML of one model of the embedded weights on the CPU, named "tiny".
std::string OneModel(const std::string& dtype);

}  // namespace vitok
