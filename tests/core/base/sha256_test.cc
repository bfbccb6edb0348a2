#include "core/base/sha256.h"

#include <gtest/gtest.h>

#include "tests/support/temp_folder.h"
#include "tests/support/text_file.h"

namespace vitok {
namespace {

// printf abc | sha256sum
constexpr char kOfAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kOfNothing[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST(Sha256Test, GrowsWithItsBytes) {
  Sha256 digest;
  digest.Update("a");
  digest.Update("bc");
  EXPECT_EQ(digest.Finish(), kOfAbc);
  EXPECT_EQ(digest.Finish(), kOfNothing);
  digest.Update("x");
  digest.Reset();
  EXPECT_EQ(digest.Finish(), kOfNothing);
}

TEST(Sha256Test, ReadsFiles) {
  const TempFolder folder;
  EXPECT_EQ(*Sha256OfFile(WriteTextFile(folder / "abc", "abc")), kOfAbc);
  EXPECT_EQ(Sha256OfFile(folder / "none").status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(Sha256OfFile(folder / "").ok());
}

}  // namespace
}  // namespace vitok
