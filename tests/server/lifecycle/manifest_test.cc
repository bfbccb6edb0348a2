#include "server/lifecycle/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_folder.h"
#include "tests/support/text_file.h"

namespace vitok {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kDigestOfAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

class ManifestTest : public ::testing::Test {
 protected:
  ManifestTest() { WriteTextFile(folder_ / "encoder.safetensors", "abc"); }

  absl::Status Check(const std::string& manifest) {
    WriteTextFile(folder_ / kManifestFile, manifest);
    return CheckManifest(folder_ / "");
  }

  void ExpectRefused(const std::string& manifest, const std::string& why) {
    const absl::Status status = Check(manifest);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << manifest;
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
  }

  TempFolder folder_;
};

TEST_F(ManifestTest, IsNotNeeded) {
  EXPECT_TRUE(CheckManifest(folder_ / "").ok());
  EXPECT_TRUE(CheckManifest(folder_ / "missing").ok());
}

TEST_F(ManifestTest, TakesWhatSha256sumWrites) {
  const std::string digest = kDigestOfAbc;
  EXPECT_TRUE(Check(digest + "  encoder.safetensors\n").ok());
  EXPECT_TRUE(Check(digest + " *./encoder.safetensors").ok());
}

TEST_F(ManifestTest, F19_NamesTheFileAndBothDigests) {
  const std::string other(64, '0');
  const absl::Status status = Check(other + "  encoder.safetensors\n");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("encoder.safetensors"), HasSubstr(kDigestOfAbc), HasSubstr(other)));
}

TEST_F(ManifestTest, F19_RefusesWhatItDoesNotVouchFor) {
  const std::string good = std::string(kDigestOfAbc) + "  encoder.safetensors\n";
  ExpectRefused("", "does not list encoder.safetensors");
  ExpectRefused(good + kDigestOfAbc + "  gone.safetensors\n", "gone.safetensors: No such file");
  ExpectRefused(good + kDigestOfAbc + "  ../secret\n", "line 2 must be");
  ExpectRefused("abc  encoder.safetensors\n", "line 1 must be");
  ExpectRefused(std::string(64, 'g') + "  encoder.safetensors\n", "line 1 must be");
}

}  // namespace
}  // namespace vitok
