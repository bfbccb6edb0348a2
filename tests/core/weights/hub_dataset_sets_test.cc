#include "core/weights/hub_dataset_sets.h"

#include <set>

#include <nlohmann/json.hpp>

#include "core/base/str_cat.h"
#include "tests/core/weights/hub_dataset_fixture.h"

namespace vitok {
namespace {

using absl::StatusCode;
using httplib::Request;
using httplib::Response;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class HubDatasetSetsTest : public HubDatasetTest {
 protected:
  HubDatasetSetsTest() {
    hub_.AddCommit("datasets/org/data", "refs/convert/parquet",
                   {{"default/train/0000.parquet", "PAR1 a"},
                    {"default/train/0001.parquet", "PAR1 b"},
                    {"my config/partial-val/0000.parquet", "PAR1 c"},
                    {"my config/partial-val/0001.parquet", "PAR1 d"}});
    options_.warn = [this](const std::string& text) { warnings_.push_back(text); };
  }

  absl::StatusOr<std::vector<std::string>> List(std::string_view config, std::string_view split) {
    return ListHubParquetFiles("org/data", config, split, options_);
  }

  void ExpectListError(StatusCode code, const std::string& text, std::string_view config = "",
                       std::string_view split = "train") {
    const absl::Status status = List(config, split).status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()),
                testing::AllOf(testing::StartsWith("data set org/data: "), HasSubstr(text)));
  }

  std::vector<std::string> warnings_;
};

// As the hub says it: the n-th file of a split.
constexpr char kNumbered[] = R"({
  "default": {"train": ["https://hub.example/api/datasets/org/data/parquet/default/train/0.parquet",
                        "https://hub.example/api/datasets/org/data/parquet/default/train/1.parquet"]},
  "my config": {"val": ["https://hub.example/api/datasets/org/data/parquet/my%20config/val/0.parquet",
                        "https://hub.example/api/datasets/org/data/parquet/my%20config/val/1.parquet"]}})";

TEST_F(HubDatasetSetsTest, TableNamesWhatTheReferenceNames) {
  std::set<std::string_view> names;
  for (const HubDatasetSet& set : HubDatasetSets()) {
    EXPECT_TRUE(names.insert(set.name).second);
    EXPECT_EQ(FindHubDatasetSet(set.name)->repository, set.repository);
    EXPECT_TRUE(ParseHubDatasetName(StrCat("hf://", set.repository, "/a.parquet")).ok()) << set.repository;
    EXPECT_FALSE(set.split.empty() || set.picture_column.empty()) << set.name;
  }
  EXPECT_EQ(FindHubDatasetSet("nature")->picture_column, "hr");
  const absl::Status status = FindHubDatasetSet("cocoa").status();
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("'cocoa'; they are coco, div8k, nature, "));
}

TEST_F(HubDatasetSetsTest, FilesOfASplitOpenByTheirNames) {
  hub_.SetParquetList("org/data", kNumbered);
  const auto names = List("", "train");
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_THAT(*names, ElementsAre("hf://org/data@refs%2Fconvert%2Fparquet/default/train/0000.parquet",
                                  "hf://org/data@refs%2Fconvert%2Fparquet/default/train/0001.parquet"));
  EXPECT_EQ(ReadFrom(0, (*names)[1]).bytes, "PAR1 b");
  EXPECT_EQ((*openers().file((*names)[0]))->size_bytes(), 6);
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(HubDatasetSetsTest, PartOfADataSetIsWarnedOf) {
  hub_.SetParquetList("org/data", kNumbered);
  const auto names = List("my config", "val");
  ASSERT_TRUE(names.ok()) << names.status();
  ASSERT_EQ(names->size(), 2);
  EXPECT_EQ(ReadFrom(0, names->back()).bytes, "PAR1 d");
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("first 5 GB only")));
  EXPECT_EQ(HeadersAt("api", "range").size(), 2) << "the list, and the first file: the others lie beside it";
}

TEST_F(HubDatasetSetsTest, UrlsOfTheBranchAreTakenAsTheyAre) {
  hub_.SetParquetList("org/data", R"({"only": {"train": [
      "https://hub.example/datasets/org/data/resolve/refs%2Fconvert%2Fparquet/my%20config/partial-val/0001.parquet?a=b",
      "/datasets/org/data/resolve/refs/convert/parquet/default/train/x.parquet"]}})");
  const auto names = List("", "train");
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_THAT(*names, ElementsAre("hf://org/data@refs%2Fconvert%2Fparquet/my config/partial-val/0001.parquet",
                                  "hf://org/data@refs%2Fconvert%2Fparquet/default/train/x.parquet"));
}

TEST_F(HubDatasetSetsTest, TokenIsSentToTheHub) {
  options_.token = "hf_secret";
  hub_.SetParquetList("org/data", kNumbered);
  EXPECT_TRUE(List("", "train").ok());
  EXPECT_THAT(HeadersAt("api", "authorization"), ElementsAre("Bearer hf_secret", "Bearer hf_secret"));
}

TEST_F(HubDatasetSetsTest, MovedDataSetsAreFollowedWithinTheHub) {
  hub_.SetParquetList("org/data", kNumbered);
  hub_.on_api = [](const Request& request, Response& response, int) {
    if (request.path.find("/org/old/") == std::string::npos) return false;
    response.set_redirect("/api/datasets/org/data/" + request.path.substr(request.path.find("parquet")), 307);
    return true;
  };
  const auto names = ListHubParquetFiles("org/old", "", "train", options_);
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_EQ(names->front(), "hf://org/old@refs%2Fconvert%2Fparquet/default/train/0000.parquet");
  options_.token = "hf_secret";
  hub_.on_api = [this](const Request&, Response& response, int) {
    response.set_redirect(hub_.content_endpoint() + "/content/x/y", 307);
    return true;
  };
  ExpectListError(StatusCode::kFailedPrecondition, "led to another host");
  EXPECT_THAT(HeadersAt("content", "authorization"), IsEmpty());
}

TEST_F(HubDatasetSetsTest, WhatIsNotThereIsSaidWithWhatIs) {
  hub_.SetParquetList("org/data", kNumbered);
  ExpectListError(StatusCode::kNotFound, "no split 'test'; there are: train", "default", "test");
  ExpectListError(StatusCode::kNotFound, "no config 'other'; there are: default, my config", "other");
  hub_.SetParquetList("org/data", R"({"a": {"train": []}, "b": {}})");
  ExpectListError(StatusCode::kFailedPrecondition, "several configs, of which one must be named: a, b");
  ExpectListError(StatusCode::kFailedPrecondition, "lists no Parquet files of split 'train'", "a");
  hub_.SetParquetList("org/data", "{}");
  ExpectListError(StatusCode::kNotFound, "no config 'default'");
  const absl::Status status = ListHubParquetFiles("org/none", "", "train", options_).status();
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("or none of which the hub has made Parquet files"));
}

TEST_F(HubDatasetSetsTest, RefusalsAndBreakdownsAreThoseOfTheHub) {
  hub_.SetParquetList("org/data", kNumbered);
  hub_.on_api = Code(401, 1);
  ExpectListError(StatusCode::kUnauthenticated, "set HF_TOKEN");
  hub_.on_api = Code(503, 4);
  EXPECT_TRUE(List("", "train").ok());
  hub_.on_api = Code(500, 1000);
  ExpectListError(StatusCode::kUnavailable, "answered 500 (tried 5 times)");
  options_.offline = true;
  hub_.on_api = nullptr;
  ExpectListError(StatusCode::kFailedPrecondition, "HF_HUB_OFFLINE is set");
}

TEST_F(HubDatasetSetsTest, AnswersOfNoUseAreErrors) {
  for (const std::string answer :
       {"", "<html>", "[]", "7", R"({"default": 7})", R"({"default": {"train": 7}})", R"({"default": {"train": {}}})",
        R"({"default": {"train": [7]}})", R"({"default": {"train": ["https://hub.example/x.parquet"]}})",
        R"({"default": {"train": ["/api/datasets/org/data/parquet/default/train/-1.parquet"]}})",
        R"({"default": {"train": ["/api/datasets/org/data/parquet/default/train/99999999999.parquet"]}})"}) {
    hub_.SetParquetList("org/data", answer);
    ExpectListError(StatusCode::kFailedPrecondition, "the hub ");
  }
  hub_.SetParquetList("org/data", R"({"default": {"train": ["/resolve/refs%2Fconvert%2Fparquet/..%2F..%2Fx"]}})");
  ExpectListError(StatusCode::kInvalidArgument, "the path has a part");
  hub_.SetParquetList("org/data", std::string(17 << 20, ' '));
  ExpectListError(StatusCode::kResourceExhausted, "more than 16777216 bytes");
}

TEST_F(HubDatasetSetsTest, NumberedFileMustLeadToItself) {
  hub_.SetParquetList("org/data", kNumbered);
  for (const std::string place : {"/datasets/org/data/resolve/refs%2Fconvert%2Fparquet/default/train/0007.parquet",
                                  "/elsewhere", "http://127.0.0.1:1/x"}) {
    hub_.on_api = [place](const Request& request, Response& response, int) {
      if (!request.path.ends_with("0.parquet")) return false;
      response.set_redirect(place, 302);
      return true;
    };
    EXPECT_FALSE(List("", "train").ok()) << place;
  }
}

}  // namespace
}  // namespace vitok
