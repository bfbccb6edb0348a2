#include "core/weights/hub_options.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

class Variables {
 public:
  explicit Variables(const std::function<const char*(const char*)>& get) : get_(get) {}

  // "" if it is not set.
  std::string Text(const char* name) const {
    const char* const value = get_(name);
    return value == nullptr ? "" : value;
  }

  // With the user's folder in place of "~".
  std::string Path(const char* name) const {
    const std::string path = Text(name);
    return path == "~" || path.starts_with("~/") ? Text("HOME") + path.substr(1) : path;
  }

  bool IsTrue(const char* name) const {
    const std::string value = absl::AsciiStrToUpper(Text(name));
    return value == "1" || value == "ON" || value == "YES" || value == "TRUE";
  }

 private:
  const std::function<const char*(const char*)>& get_;
};

// "" if nothing says where it is.
std::string HubHome(const Variables& variables) {
  if (std::string home = variables.Path("HF_HOME"); !home.empty()) return home;
  if (const std::string cache = variables.Path("XDG_CACHE_HOME"); !cache.empty()) return cache + "/huggingface";
  const std::string home = variables.Text("HOME");
  return home.empty() ? "" : home + "/.cache/huggingface";
}

absl::StatusOr<std::string> CacheFolder(const Variables& variables) {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (std::string folder = variables.Path(name); !folder.empty()) return folder;
  }
  const std::string home = HubHome(variables);
  if (!home.empty()) return home + "/hub";
  return absl::InvalidArgumentError("where the cache of models lies must be told by HF_HUB_CACHE, HF_HOME or HOME");
}

// "" if there is no such file: a token is not needed for what is public.
std::string TokenOfFile(const std::string& path) {
  std::ostringstream text;
  if (std::ifstream file(path); file) text << file.rdbuf();
  return text.str();
}

absl::StatusOr<std::string> Token(const Variables& variables) {
  if (variables.IsTrue("HF_HUB_DISABLE_IMPLICIT_TOKEN")) return "";
  const std::string home = HubHome(variables);
  const std::string path = variables.Path("HF_TOKEN_PATH");
  const std::string file = !path.empty() ? path : home.empty() ? "" : home + "/token";
  const std::pair<std::string, std::string> sources[] = {
      {"HF_TOKEN", variables.Text("HF_TOKEN")},
      {"HUGGING_FACE_HUB_TOKEN", variables.Text("HUGGING_FACE_HUB_TOKEN")},
      {file, file.empty() ? "" : TokenOfFile(file)}};
  for (const auto& [name, text] : sources) {
    const std::string token(absl::StripAsciiWhitespace(text));
    if (token.empty()) continue;
    if (std::all_of(token.begin(), token.end(), [](unsigned char c) { return absl::ascii_isgraph(c); })) return token;
    return absl::InvalidArgumentError(StrCat(name, " must hold a token of visible ASCII characters"));
  }
  return "";
}

absl::Status ReadSeconds(const Variables& variables, const char* name, absl::Duration& duration) {
  const std::string text = variables.Text(name);
  if (text.empty()) return absl::OkStatus();
  double seconds = 0;
  if (!absl::SimpleAtod(text, &seconds) || !(seconds > 0 && seconds <= 86400)) {
    return absl::InvalidArgumentError(StrCat(name, " must be seconds, above 0 and up to 86400; was '", text, "'"));
  }
  duration = absl::Seconds(seconds);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<HubOptions> HubOptionsFromEnvironment(const std::function<const char*(const char*)>& get) {
  const Variables variables(get);
  HubOptions options;
  if (std::string endpoint = variables.Text("HF_ENDPOINT"); !endpoint.empty()) {
    while (endpoint.ends_with('/')) endpoint.pop_back();
    if (!endpoint.starts_with("https://") && !endpoint.starts_with("http://")) {
      return absl::InvalidArgumentError(StrCat("HF_ENDPOINT must be an http or https URL; was '", endpoint, "'"));
    }
    options.endpoint = endpoint;
  }
  VITOK_ASSIGN_OR_RETURN(options.cache_folder, CacheFolder(variables));
  VITOK_ASSIGN_OR_RETURN(options.token, Token(variables));
  options.offline = variables.IsTrue("HF_HUB_OFFLINE") || variables.IsTrue("TRANSFORMERS_OFFLINE");
  VITOK_RETURN_IF_ERROR(ReadSeconds(variables, "HF_HUB_ETAG_TIMEOUT", options.etag_timeout));
  VITOK_RETURN_IF_ERROR(ReadSeconds(variables, "HF_HUB_DOWNLOAD_TIMEOUT", options.download_timeout));
  return options;
}

}  // namespace vitok
