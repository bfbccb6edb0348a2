// Cases of the data loaders: orders, names, labels, a folder and a shard.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <numeric>
#include <set>

#include "core/base/str_cat.h"
#include "core/image/decoded_source.h"
#include "core/image/image_source.h"
#include "core/image/source/image_files.h"
#include "core/image/source/python_random.h"
#include "core/image/source/sample_rules.h"
#include "core/image/source/source_names.h"
#include "tests/golden/pp_case.h"
#include "tests/support/temp_folder.h"

namespace vitok::golden {
namespace {

void CheckShuffle(const PpCase& pp_case) {
  const auto seed = pp_case.description.at("seed").get<uint64_t>();
  std::vector<int64_t> order(pp_case.description.at("n").get<size_t>());
  std::iota(order.begin(), order.end(), 0);
  PythonRandom(seed).Shuffle(order);
  EXPECT_EQ(nlohmann::json(order), pp_case.description.at("order"));
  PythonRandom random(seed);
  for (const nlohmann::json& expected : pp_case.description.at("first_random")) {
    EXPECT_EQ(random.Uniform(), expected.get<double>());
  }
}

void CheckShardUrls(const PpCase& pp_case) {
  const auto parts = SplitSourceName(pp_case.description.at("source").get<std::string>());
  ASSERT_TRUE(parts.ok()) << parts.status();
  std::vector<std::string> shards;
  std::vector<int64_t> shards_per_part;
  for (const NamedPart& part : *parts) {
    const auto expanded = ExpandShardPattern(part.pattern);
    ASSERT_TRUE(expanded.ok()) << expanded.status();
    shards.insert(shards.end(), expanded->begin(), expanded->end());
    shards_per_part.push_back(static_cast<int64_t>(expanded->size()));
  }
  std::vector<std::string> got, expected;
  for (const int64_t i : ShuffleShards(shards_per_part, pp_case.description.at("seed").get<uint64_t>())) {
    got.push_back(shards[i]);
  }
  const std::string resolve = "/resolve/main";  // the hub's own part of a URL
  for (const nlohmann::json& url : pp_case.description.at("repo_and_path")) {
    std::string path = url.get<std::string>();
    expected.push_back("hf://" + path.erase(path.find(resolve), resolve.size()));
  }
  EXPECT_EQ(got, expected);
}

// The text that a Python literal of bytes, of a string or of an integer stands for.
std::string TextOfLiteral(const std::string& literal) {
  const size_t quote = literal.find('\'');
  return quote == std::string::npos ? literal : literal.substr(quote + 1, literal.size() - quote - 2);
}

void CheckLabels(const PpCase& pp_case) {
  for (const nlohmann::json& row : pp_case.description.at("table")) {
    const auto literal = row.at("in").get<std::string>();
    // None and numbers with a fraction are no content of a file.
    if (literal == "None" || (literal.find('\'') == std::string::npos && literal.find('.') != std::string::npos))
      continue;
    const auto label = ParseLabel(TextOfLiteral(literal));
    ASSERT_TRUE(label.ok()) << literal << ": " << label.status();
    EXPECT_EQ(*label, row.at("out").get<int64_t>()) << literal;
  }
  for (const nlohmann::json& literal : pp_case.description.at("errors")) {
    EXPECT_FALSE(ParseLabel(TextOfLiteral(literal.get<std::string>())).ok()) << literal;
  }
}

void CheckTarKeys(const PpCase& pp_case) {
  for (const nlohmann::json& row : pp_case.description.at("table")) {
    const auto member = row.at("name").get<std::string>();
    const std::optional<SampleName> name = SplitSampleName(member);
    ASSERT_EQ(name.has_value(), !row.at("key").is_null()) << member;
    if (!name.has_value()) continue;
    EXPECT_EQ(std::string(name->key), row.at("key").get<std::string>()) << member;
    EXPECT_EQ(name->suffix, row.at("suffix").get<std::string>()) << member;
  }
}

void WriteFile(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string AnyPicture() { return *EncodeImage(RgbImage(1, 1), {}); }

void CheckImageFolder(const PpCase& pp_case) {
  const TempFolder folder;
  for (const nlohmann::json& file : pp_case.description.at("files")) {
    WriteFile(folder / file.get<std::string>(), AnyPicture());
  }
  const auto expected = pp_case.description.at("order").get<std::vector<std::string>>();
  for (size_t num_ranks = 1; num_ranks <= 3; ++num_ranks) {
    for (size_t rank = 0; rank < num_ranks; ++rank) {
      ImageSourceOptions options = {.seed = pp_case.description.at("seed").get<uint64_t>()};
      options.rank = static_cast<int64_t>(rank);
      options.num_ranks = static_cast<int64_t>(num_ranks);
      const auto source = OpenImageSource(folder / "", options);
      ASSERT_TRUE(source.ok()) << source.status();
      for (size_t i = rank; i < expected.size(); i += num_ranks) {
        const absl::StatusOr<std::optional<ImageSample>> sample = (*source)->Next();
        ASSERT_TRUE(sample.ok() && sample->has_value()) << sample.status();
        EXPECT_EQ((*sample)->path, folder / expected[i]);
      }
      const auto end = (*source)->Next();
      EXPECT_TRUE(end.ok() && !end->has_value());
    }
  }
}

void CheckIsImageFolder(const PpCase& pp_case) {
  for (const nlohmann::json& row : pp_case.description.at("cases")) {
    const TempFolder folder;
    for (const nlohmann::json& file : row.at("top_level_files")) WriteFile(folder / file.get<std::string>(), "");
    EXPECT_EQ(IsImageFolder(folder / ""), row.at("expect").get<bool>()) << row;
  }
}

void CheckTarShard(const PpCase& pp_case) {
  auto source = OpenImageSource((pp_case.folder / pp_case.description.at("tar").get<std::string>()).string(), {});
  ASSERT_TRUE(source.ok()) << source.status();
  ThreadPool pool("decode", 2);
  DecodedSource pictures(*std::move(source), &pool, {.alpha = AlphaRule::kDrop});
  const auto tensors = pp_case.Tensors();
  nlohmann::json labels;
  while (true) {
    const absl::StatusOr<std::optional<DecodedSample>> sample = pictures.Next();
    ASSERT_TRUE(sample.ok()) << sample.status();
    if (!sample->has_value()) break;
    const std::string name = std::filesystem::path((*sample)->key).filename().string();
    labels[name] = (*sample)->label;
    const auto expected = tensors.find("rgb_" + name);
    ASSERT_NE(expected, tensors.end()) << name;
    ExpectWithinTolerance(PixelsOf((*sample)->image), expected->second, pp_case.description.at("tolerance"));
  }
  EXPECT_EQ(labels, pp_case.description.at("labels_sane"));
  std::set<std::string> skipped;
  for (const SkippedSample& sample : pictures.Stats().skipped) {
    skipped.insert(std::filesystem::path(sample.path).stem().string());
  }
  EXPECT_EQ(nlohmann::json(skipped), pp_case.description.at("skipped"));
}

}  // namespace

void AddSourceChecks(PpChecks& checks) {
  checks["py_shuffle"] = CheckShuffle;
  checks["shard_urls"] = CheckShardUrls;
  checks["decode_label"] = CheckLabels;
  checks["tar_key"] = CheckTarKeys;
  checks["image_folder"] = CheckImageFolder;
  checks["is_image_folder"] = CheckIsImageFolder;
  checks["tar_shard"] = CheckTarShard;
}

}  // namespace vitok::golden
