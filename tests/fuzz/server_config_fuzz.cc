// The server's configuration (server/server_config.h): YAML text, and overrides behind it, each after a zero byte.
// Promises: a configuration that is accepted is, printed and read again, the same; a refusal is INVALID_ARGUMENT with
// a reason.
#include <fstream>

#include "absl/strings/str_split.h"
#include "core/base/str_cat.h"
#include "server/server_config.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/temp_folder.h"

namespace vitok {
namespace {

absl::StatusOr<ServerOptions> LoadText(std::string_view yaml, const std::vector<std::string>& overrides) {
  static const TempFolder folder;
  const std::string path = folder / "server.yaml";
  std::ofstream(path, std::ios::binary) << yaml;
  return LoadServerConfig(path, overrides);
}

void Run(std::string_view input) {
  std::vector<std::string> overrides = absl::StrSplit(std::string(input), '\0');
  const std::string yaml = overrides.front();
  overrides.erase(overrides.begin());
  const absl::StatusOr<ServerOptions> options = LoadText(yaml, overrides);
  if (!options.ok()) {
    RequireRefusal(options.status());
    return;
  }
  const std::string printed = ServerConfigToYaml(*options);
  const absl::StatusOr<ServerOptions> again = LoadText(printed, {});
  RequireOk(again.status(), "what is printed is accepted");
  Require(ServerConfigToYaml(*again) == printed, "what is printed means the same");
  Require(!options->models.empty() && !options->default_model.empty(), "there is a default model");
}

std::vector<std::string> Seeds() {
  using std::string_literals::operator""s;
  const std::string minimal = "models:\n- name: a\n  folder: b\n";
  return {ReadFuzzFile("configs/server.yaml"),
          ReadFuzzFile("configs/demo.yaml"),
          minimal,
          minimal + "\0models.0.dtype=bfloat16\0server.listen=unix:/tmp/x\0limits={max_image_tokens: 9}"s,
          "models: [{name: a, folder: \"\\u00e9\\n\", sliding_window: -1, device: 'cuda:0', halves: both}]\n"
          "server: {shutdown_grace_s: 0.1, http_listen: ''}\nlog: {format: json, level: warn}\ndefault_model: a\n",
          "a: &x [1, 0x1F, .5, ~, true, *x]\nb: !!str 1\n\0models=[]\0models.0=1\0=\0a..b=1"s};
}

const bool registered = RegisterFuzzTarget({.name = "server_config", .run = &Run, .seeds = &Seeds});

}  // namespace
}  // namespace vitok
