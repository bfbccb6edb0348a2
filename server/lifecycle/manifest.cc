#include "server/lifecycle/manifest.h"

#include <filesystem>
#include <fstream>
#include <set>
#include <string_view>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "core/base/sha256.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

namespace fs = std::filesystem;

constexpr size_t kDigits = 64;

struct Line {
  std::string digest;
  std::string file;
};

// False for what sha256sum does not write, and for files outside the folder.
bool ParseLine(const std::string& text, Line& line) {
  if (text.size() < kDigits + 3 || text[kDigits] != ' ' || (text[kDigits + 1] != ' ' && text[kDigits + 1] != '*')) {
    return false;
  }
  line.digest = absl::AsciiStrToLower(text.substr(0, kDigits));
  line.file = text.substr(kDigits + 2);
  if (absl::StartsWith(line.file, "./")) line.file.erase(0, 2);
  return line.digest.find_first_not_of("0123456789abcdef") == std::string::npos &&
         line.file.find('/') == std::string::npos && line.file != "..";
}

absl::Status CheckFile(const std::string& folder, const Line& line) {
  const absl::StatusOr<std::string> digest = Sha256OfFile(folder + "/" + line.file);
  if (!digest.ok()) {
    return absl::FailedPreconditionError(
        StrCat(kManifestFile, " lists a file that cannot be read: ", std::string(digest.status().message())));
  }
  if (*digest == line.digest) return absl::OkStatus();
  return absl::FailedPreconditionError(
      StrCat(folder, "/", line.file, " has the SHA-256 digest ", *digest, "; ", kManifestFile, " says ", line.digest));
}

}  // namespace

absl::Status CheckManifest(const std::string& folder) {
  const std::string path = StrCat(folder, "/", kManifestFile);
  std::error_code error;
  if (!fs::exists(path, error)) return absl::OkStatus();
  std::ifstream manifest(path);
  if (!manifest) return absl::FailedPreconditionError(StrCat(path, " cannot be read"));
  std::set<std::string> listed;
  int number = 0;
  for (std::string text; std::getline(manifest, text);) {
    ++number;
    if (text.empty()) continue;
    Line line;
    if (!ParseLine(text, line)) {
      return absl::FailedPreconditionError(StrCat(
          path, ": line ", number, " must be a SHA-256 digest, two spaces and the name of a file of the folder"));
    }
    if (const absl::Status status = CheckFile(folder, line); !status.ok()) return status;
    listed.insert(line.file);
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() != ".safetensors" || listed.count(name) > 0) continue;
    return absl::FailedPreconditionError(StrCat(path, " does not list ", name));
  }
  return absl::OkStatus();
}

}  // namespace vitok
