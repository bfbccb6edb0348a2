#include "core/weights/hub_dataset_name.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "core/base/byte_stream.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/weights/hub_source.h"

namespace vitok {
namespace {

constexpr size_t kMaxPathBytes = 1000;
constexpr size_t kMaxShownBytes = 300;

// Parts between slashes that are names: none empty, none "." or "..", nothing that cannot be printed.
bool IsPath(std::string_view path) {
  const std::vector<std::string> parts = absl::StrSplit(ToAbsl(path), '/');
  return path.size() <= kMaxPathBytes && std::ranges::all_of(parts, [](const std::string& part) {
           return !part.empty() && part != "." && part != ".." &&
                  std::ranges::none_of(part, [](unsigned char c) { return absl::ascii_iscntrl(c); });
         });
}

}  // namespace

absl::StatusOr<HubDatasetFile> ParseHubDatasetName(std::string_view name) {
  const auto error = [&](std::string_view why) {
    return absl::InvalidArgumentError(
        StrCat("a file of a data set of the hub must be hf://org/repo/path or hf://org/repo@revision/path; ", why,
               " in '", name.substr(0, kMaxShownBytes), "'"));
  };
  if (SchemeOf(name) != kHubScheme) return error("another scheme is");
  std::string_view rest = name.substr(name.find("://") + 3);
  if (rest.starts_with("datasets/")) rest.remove_prefix(9);
  const size_t slash = rest.find('/');
  const size_t end = slash == std::string_view::npos ? slash : rest.find('/', slash + 1);
  if (end == std::string_view::npos) return error("there is no path");
  const size_t at = rest.substr(0, end).find('@');
  HubDatasetFile file{.repository = std::string(rest.substr(0, std::min(at, end))),
                      .path = std::string(rest.substr(end + 1))};
  if (!IsHubRepository(file.repository)) {
    return error("org and repo must be of letters, digits, '.', '_' and '-', which they are not");
  }
  if (at != std::string_view::npos) {
    file.revision = absl::StrReplaceAll(ToAbsl(rest.substr(at + 1, end - at - 1)), {{"%2F", "/"}, {"%2f", "/"}});
    if (const absl::Status status = CheckHubRevision(file.revision); !status.ok()) {
      return absl::InvalidArgumentError(StrCat(status.message(), " in '", name.substr(0, kMaxShownBytes), "'"));
    }
  }
  if (!IsPath(file.path)) return error("the path has a part that is empty, '.', '..' or not printable");
  return file;
}

std::string HubDatasetName(const HubDatasetFile& file) {
  const std::string revision =
      file.revision == "main" ? "" : StrCat("@", absl::StrReplaceAll(file.revision, {{"/", "%2F"}}));
  return StrCat(kHubScheme, "://", file.repository, revision, "/", file.path);
}

}  // namespace vitok
