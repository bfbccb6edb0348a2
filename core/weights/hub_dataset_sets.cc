#include "core/weights/hub_dataset_sets.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/weights/hub_backoff.h"
#include "core/weights/hub_connection.h"
#include "core/weights/hub_dataset_name.h"
#include "core/weights/hub_source.h"

namespace vitok {
namespace {

constexpr int64_t kMaxListBytes = int64_t{16} << 20;
constexpr char kBranch[] = "refs/convert/parquet";

// Without a name of a config the reference's library takes the default one; that of Div2k is not named so.
constexpr HubDatasetSet kSets[] = {
    {"coco", "detection-datasets/coco", "", "val", "image"},
    {"div8k", "Iceclear/DIV8K_TrainingSet", "", "train", "image"},
    {"nature", "eugenesiow/Div2k", "bicubic_x2", "validation", "hr"},
    {"portraits", "jlbaker361/celebrity-100k", "", "train", "image"},
    {"text", "nielsr/funsd", "", "train", "image"},
    {"architecture", "GATE-engine/mini-Unsplash", "", "train", "image"},
    {"animals", "microsoft/cats_vs_dogs", "", "train", "image"},
    {"foliage", "eugenesiow/Div2k", "bicubic_x2", "validation", "hr"},
    {"faces", "nielsr/CelebA-faces", "", "train", "image"},
    {"urban", "GATE-engine/mini-Unsplash", "", "train", "image"},
};

std::string Keys(const nlohmann::json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key.substr(0, 100));
  constexpr size_t kMaxShown = 50;
  if (keys.size() > kMaxShown) keys.resize(kMaxShown);
  return absl::StrJoin(keys, ", ");
}

// The member of that name. The hub's answer is not trusted to have the form that it should.
absl::StatusOr<nlohmann::json> Member(const nlohmann::json& object, std::string_view kind, std::string_view name) {
  if (!object.is_object()) return absl::FailedPreconditionError(StrCat("the hub lists no ", kind, "s"));
  const auto found = object.find(std::string(name));
  if (found != object.end()) return *found;
  return absl::NotFoundError(StrCat("no ", kind, " '", name, "'; there are: ", Keys(object)));
}

absl::StatusOr<nlohmann::json> Config(const nlohmann::json& configs, std::string_view name) {
  if (!name.empty()) return Member(configs, "config", name);
  if (configs.is_object() && !configs.contains("default")) {
    if (configs.size() == 1) return configs.front();
    if (!configs.empty()) {
      return absl::FailedPreconditionError(StrCat("has several configs, of which one must be named: ", Keys(configs)));
    }
  }
  return Member(configs, "config", "default");
}

// Of ".../resolve/refs%2Fconvert%2Fparquet/default/train/0000.parquet?x" the part behind the branch; "": not of this
// form.
std::string PathInBranch(std::string_view url) {
  const std::string plain = UrlUnescape(url.substr(0, url.find('?')));
  const std::string mark = StrCat("/resolve/", kBranch, "/");
  const size_t at = plain.find(mark);
  return at == std::string::npos ? "" : plain.substr(at + mark.size());
}

absl::Status UselessUrl(std::string_view url) {
  return absl::FailedPreconditionError(
      StrCat("the hub names a Parquet file '", url.substr(0, 300), "', which is of no form that is known"));
}

// What the URLs of an answer name, by their path in the branch: either directly, or as the n-th file of a split
// (".../api/datasets/org/repo/parquet/default/train/3.parquet"), which redirects there.
class ParquetUrls {
 public:
  explicit ParquetUrls(HubConnection& connection) : connection_(connection) {}

  absl::StatusOr<std::string> PathOf(const std::string& url) {
    if (std::string path = PathInBranch(url); !path.empty()) return path;
    const size_t api = url.find("/api/datasets/"), slash = url.rfind('/');
    int number = 0;
    const bool is_numbered =
        api != std::string::npos && url.ends_with(kSuffix) &&
        absl::SimpleAtoi(ToAbsl(std::string_view(url).substr(slash + 1, url.size() - slash - 1 - kSuffix.size())),
                         &number);
    if (!is_numbered || number < 0) return UselessUrl(url);
    // Of a split they lie in one folder, and are numbered there: only the first is asked for.
    const std::string name = absl::StrFormat("%04d.parquet", number);
    if (folder_.empty()) {
      VITOK_ASSIGN_OR_RETURN(const std::string place,
                             connection_.FindRedirect(url.substr(api), HubBackoff::kMaxTries,
                                                      [](const std::string& to) { return !PathInBranch(to).empty(); }));
      const std::string path = PathInBranch(place);
      if (!path.ends_with("/" + name)) return UselessUrl(place);
      folder_ = path.substr(0, path.size() - name.size());
    }
    return folder_ + name;
  }

 private:
  static constexpr std::string_view kSuffix = ".parquet";
  HubConnection& connection_;
  std::string folder_;  // with '/' at the end
};

absl::StatusOr<std::vector<std::string>> List(const std::string& repository, std::string_view config,
                                              std::string_view split, const HubOptions& options) {
  if (!IsHubRepository(repository)) return absl::InvalidArgumentError("is not named org/repo");
  if (options.offline) {
    return absl::FailedPreconditionError("data sets of the hub are read over the network, and HF_HUB_OFFLINE is set");
  }
  HubConnection connection(&options, "datasets/" + repository);
  const absl::StatusOr<std::string> text =
      connection.GetText(StrCat("/api/datasets/", repository, "/parquet"), kMaxListBytes, HubBackoff::kMaxTries);
  if (absl::IsNotFound(text.status())) {
    return absl::NotFoundError(StrCat(text.status().message(), ", or none of which the hub has made Parquet files"));
  }
  VITOK_RETURN_IF_ERROR(text.status());
  const nlohmann::json configs = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  VITOK_ASSIGN_OR_RETURN(const nlohmann::json splits, Config(configs, config));
  VITOK_ASSIGN_OR_RETURN(const nlohmann::json urls, Member(splits, "split", split));
  if (!urls.is_array() || urls.empty())
    return absl::FailedPreconditionError(StrCat("the hub lists no Parquet files of split '", split, "'"));
  ParquetUrls places(connection);
  std::vector<std::string> names;
  for (const nlohmann::json& url : urls) {
    if (!url.is_string()) return UselessUrl(url.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    VITOK_ASSIGN_OR_RETURN(std::string path, places.PathOf(url.get<std::string>()));
    names.push_back(HubDatasetName({.repository = repository, .revision = kBranch, .path = std::move(path)}));
    VITOK_RETURN_IF_ERROR(ParseHubDatasetName(names.back()).status());
  }
  if (options.warn && names.front().find("/partial-") != std::string::npos) {
    options.warn(StrCat("data set ", repository, ": the hub has made Parquet files of its first 5 GB only"));
  }
  return names;
}

}  // namespace

absl::Span<const HubDatasetSet> HubDatasetSets() { return kSets; }

absl::StatusOr<HubDatasetSet> FindHubDatasetSet(std::string_view name) {
  const auto set = std::ranges::find(kSets, name, &HubDatasetSet::name);
  if (set != std::end(kSets)) return *set;
  return absl::NotFoundError(
      StrCat("no data set is named '", name.substr(0, 100), "'; they are ",
             absl::StrJoin(kSets, ", ", [](std::string* out, const HubDatasetSet& s) { out->append(s.name); })));
}

absl::StatusOr<std::vector<std::string>> ListHubParquetFiles(const std::string& repository, std::string_view config,
                                                             std::string_view split, const HubOptions& options) {
  absl::StatusOr<std::vector<std::string>> names = List(repository, config, split, options);
  if (names.ok()) return names;
  return absl::Status(names.status().code(), StrCat("data set ", repository, ": ", names.status().message()));
}

}  // namespace vitok
