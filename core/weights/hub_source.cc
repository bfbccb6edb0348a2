#include "core/weights/hub_source.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

constexpr size_t kMaxPartBytes = 96;
constexpr size_t kMaxRevisionBytes = 200;
constexpr size_t kMaxShownBytes = 200;

constexpr PublishedModel kPublishedModels[] = {
    {"350M-f16x16", "philippehansen/ViTok-v2-350M-f16x16"}, {"350M-f16x32", "philippehansen/ViTok-v2-350M-f16x32"},
    {"350M-f16x64", "philippehansen/ViTok-v2-350M-f16x64"}, {"5B-f16x16", "philippehansen/ViTok-v2-5B-f16x16"},
    {"5B-f16x32", "philippehansen/ViTok-v2-5B-f16x32"},     {"5B-f16x64", "philippehansen/ViTok-v2-5B-f16x64"},
    {"5B-f32x64", "philippehansen/ViTok-v2-5B-f32x64"},     {"5B-f32x128", "philippehansen/ViTok-v2-5B-f32x128"},
    {"5B-f32x256", "philippehansen/ViTok-v2-5B-f32x256"},
};

// Of an organisation or a repository: letters, digits, '.', '_', '-'. "--" is what folders of the cache put in place of
// '/', a dot in front is a folder of the system.
bool IsNamePart(std::string_view part) {
  return !part.empty() && part.size() <= kMaxPartBytes && part.front() != '.' && part.front() != '-' &&
         part.find("--") == std::string_view::npos && part.find("..") == std::string_view::npos &&
         std::all_of(part.begin(), part.end(),
                     [](unsigned char c) { return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-'; });
}

std::string Shown(std::string_view text) { return std::string(text.substr(0, kMaxShownBytes)); }

absl::StatusOr<HubSource> ParseName(std::string_view name) {
  const size_t slash = name.find('/');
  if (slash == std::string_view::npos) {
    for (const PublishedModel& model : PublishedModels()) {
      if (model.name == name) {
        return HubSource{.repository = std::string(model.repository), .published_name = std::string(name)};
      }
    }
    return absl::NotFoundError(StrCat(
        "no published model is named '", Shown(name), "'; they are ",
        absl::StrJoin(PublishedModels(), ", ", [](std::string* out, const PublishedModel& m) { out->append(m.name); }),
        "; others are named org/repo"));
  }
  if (IsHubRepository(name)) return HubSource{std::string(name)};
  return absl::InvalidArgumentError(
      StrCat("a model of the hub must be a published name or org/repo (letters, digits, '.', '_', '-'), and @revision "
             "unless it is main; was '",
             Shown(name), "'"));
}

}  // namespace

absl::Span<const PublishedModel> PublishedModels() { return kPublishedModels; }

absl::StatusOr<HubSource> ParseHubSource(std::string_view text) {
  const size_t at = text.find('@');
  VITOK_ASSIGN_OR_RETURN(HubSource source, ParseName(text.substr(0, at)));
  if (at == std::string_view::npos) return source;
  source.revision = std::string(text.substr(at + 1));
  VITOK_RETURN_IF_ERROR(CheckHubRevision(source.revision));
  return source;
}

bool IsHubRepository(std::string_view name) {
  const size_t slash = name.find('/');
  return slash != std::string_view::npos && IsNamePart(name.substr(0, slash)) && IsNamePart(name.substr(slash + 1));
}

absl::Status CheckHubRevision(std::string_view revision) {
  const std::vector<std::string> parts = absl::StrSplit(ToAbsl(revision), '/');
  const bool valid =
      revision.size() <= kMaxRevisionBytes && std::all_of(parts.begin(), parts.end(), [](const std::string& part) {
        return !part.empty() && part.front() != '.' && !absl::StrContains(part, "..") &&
               std::all_of(part.begin(), part.end(), [](unsigned char c) {
                 return absl::ascii_isalnum(c) || absl::StrContains("._-+=", std::string(1, static_cast<char>(c)));
               });
      });
  if (valid) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("a revision must be a branch, a tag or a commit (letters, digits and ._-+=/, "
             "no part empty or with a dot in front, at most ",
             kMaxRevisionBytes, " bytes); was '", Shown(revision), "'"));
}

bool IsCommit(std::string_view revision) {
  return revision.size() == 40 && revision.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace vitok
