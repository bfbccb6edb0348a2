#include "core/weights/hub_dataset_name.h"

#include <gtest/gtest.h>

namespace vitok {
namespace {

TEST(HubDatasetNameTest, NamesAFileOfARepository) {
  EXPECT_EQ(*ParseHubDatasetName("hf://org/repo/a.tar"), (HubDatasetFile{"org/repo", "main", "a.tar"}));
  EXPECT_EQ(*ParseHubDatasetName("HF://org/re.p-o_1@v1.0/a b/c.tar"),
            (HubDatasetFile{"org/re.p-o_1", "v1.0", "a b/c.tar"}));
  EXPECT_EQ(*ParseHubDatasetName("hf://org/repo@refs%2Fconvert%2fparquet/default/train/0000.parquet"),
            (HubDatasetFile{"org/repo", "refs/convert/parquet", "default/train/0000.parquet"}));
  EXPECT_EQ(*ParseHubDatasetName("hf://org/repo/a@b.tar"), (HubDatasetFile{"org/repo", "main", "a@b.tar"}));
  EXPECT_EQ(*ParseHubDatasetName("hf://datasets/org/repo@v2/a.tar"), (HubDatasetFile{"org/repo", "v2", "a.tar"}));
}

TEST(HubDatasetNameTest, IsWrittenAsItIsRead) {
  for (const char* name : {"hf://org/repo/a.tar", "hf://org/repo@v2/a/b.tar",
                           "hf://org/repo@refs%2Fconvert%2Fparquet/default/a.parquet"}) {
    EXPECT_EQ(HubDatasetName(*ParseHubDatasetName(name)), name);
  }
}

TEST(HubDatasetNameTest, RefusesWhatCouldLeadElsewhere) {
  for (const std::string name : {"org/repo/a",
                                 "s3://org/repo/a",
                                 "hf://",
                                 "hf://org",
                                 "hf://org/repo",
                                 "hf://org/repo/",
                                 "hf://org//a",
                                 "hf:///repo/a",
                                 "hf://or g/repo/a",
                                 "hf://org/../a",
                                 "hf://org/repo//a",
                                 "hf://org/repo/a/",
                                 "hf://org/repo/../a",
                                 "hf://org/repo/./a",
                                 "hf://org/repo/a\nb",
                                 "hf://org/repo@/a",
                                 "hf://org/repo@..%2Fx/a",
                                 "hf://org/repo@a b/a",
                                 "hf://org@v1/repo/a",
                                 "hf://user:pass@host/repo/a"}) {
    const absl::Status status = ParseHubDatasetName(name).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_NE(status.message().find(name), std::string::npos) << status;
  }
}

}  // namespace
}  // namespace vitok
