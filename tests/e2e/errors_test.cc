// What a user of `vitok` sees when something is wrong, and that the server serves on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/e2e/running_server.h"

namespace vitok {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kPhoto[] = "photos/page.png";

class ErrorsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = new RunningServer(OneModel("float32"), {"limits.max_image_tokens=4000"});
    is_serving_ = server_->WaitUntilServing();
  }
  static void TearDownTestSuite() { delete server_; }
  void SetUp() override { ASSERT_TRUE(is_serving_); }

  // The next good request works, whatever came before.
  void TearDown() override {
    const ProgramResult result = server_->Vitok({"reconstruct", kPhoto, "-o", folder_ / "good.png"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
  }

  std::string Write(const std::string& name, const std::string& bytes) {
    std::ofstream(folder_ / name) << bytes;
    return folder_ / name;
  }

  static RunningServer* server_;
  static bool is_serving_;
  TempFolder folder_;
};

RunningServer* ErrorsTest::server_ = nullptr;
bool ErrorsTest::is_serving_ = false;

MATCHER(IsOneLine, "") { return std::count(arg.begin(), arg.end(), '\n') == 1 && arg.ends_with('\n'); }

TEST_F(ErrorsTest, AMissingFileIsNamed) {
  const std::string file = folder_ / "missing.jpg";
  const ProgramResult result = server_->Vitok({"encode", file, "-o", folder_ / "z.safetensors"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, AllOf(IsOneLine(), StartsWith("vitok: " + file + ": NOT_FOUND: ")));
}

TEST_F(ErrorsTest, F2_AFileThatIsNoPictureIsRefusedByTheServer) {
  const std::string file = Write("text.png", "this is not a picture");
  const ProgramResult result = server_->Vitok({"encode", file, "-o", folder_ / "z.safetensors"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, AllOf(IsOneLine(), StartsWith("vitok: " + file + ": INVALID_ARGUMENT: ")));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "z.safetensors"));
}

TEST_F(ErrorsTest, F2_AnEmptyFileIsRefusedByTheServer) {
  const ProgramResult result = server_->Vitok({"reconstruct", Write("empty.png", ""), "-o", folder_ / "out.png"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, AllOf(IsOneLine(), HasSubstr("INVALID_ARGUMENT")));
}

TEST_F(ErrorsTest, F2_ATruncatedPictureDoesNotStopAGoodOne) {
  std::ifstream photo(kPhoto, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(photo)), {});
  const std::string cut = Write("cut.png", bytes.substr(0, bytes.size() / 2));
  const ProgramResult result = server_->Vitok({"reconstruct", cut, kPhoto, "-o", folder_ / "out"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, AllOf(IsOneLine(), StartsWith("vitok: " + cut + ": INVALID_ARGUMENT: ")));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "out/page.png"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out/cut.png"));
}

TEST_F(ErrorsTest, F1_AnUnknownModelIsAnsweredWithTheKnownOnes) {
  const ProgramResult result =
      server_->Vitok({"reconstruct", kPhoto, "-o", folder_ / "out.png", "--model", "unheard-of"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, AllOf(IsOneLine(), HasSubstr("NOT_FOUND"), HasSubstr("unheard-of"), HasSubstr("tiny")));
}

TEST_F(ErrorsTest, AMalformedPipelineIsRefusedNamingItsPart) {
  const ProgramResult result = server_->Vitok(
      {"encode", kPhoto, "-o", folder_ / "z.safetensors", "--preprocess", "to_tensor|enhance|patchify(16, 256)"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, AllOf(IsOneLine(), HasSubstr("INVALID_ARGUMENT"), HasSubstr("enhance")));
}

TEST_F(ErrorsTest, F4_APictureOverTheTokenLimitIsRefusedNamingBothNumbers) {
  // A PNG header of 2048 x 2048 px, which is 16384 tokens; nothing behind it is needed for the refusal.
  const std::string header("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x08\0\0\0\x08\0\x08\2\0\0\0\x36\x57\x9d\x53", 33);
  const ProgramResult result = server_->Vitok({"encode", Write("large.png", header), "-o", folder_ / "z.safetensors"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, AllOf(IsOneLine(), HasSubstr("INVALID_ARGUMENT"), HasSubstr("16384"), HasSubstr("4000")));
}

TEST_F(ErrorsTest, ATruncatedLatentFileIsRefused) {
  const std::string latents = folder_ / "z.safetensors";
  ASSERT_EQ(server_->Vitok({"encode", kPhoto, "-o", latents}).exit_code, 0);
  std::filesystem::resize_file(latents, std::filesystem::file_size(latents) / 2);
  const ProgramResult result = server_->Vitok({"decode", latents, "-o", folder_ / "out.png"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, AllOf(IsOneLine(), StartsWith("vitok: " + latents + ": INVALID_ARGUMENT: ")));
}

TEST_F(ErrorsTest, AFileThatHoldsNoLatentsIsRefused) {
  const ProgramResult result =
      server_->Vitok({"decode", "models/tiny-f16x64/encoder.safetensors", "-o", folder_ / "out.png"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, AllOf(IsOneLine(), HasSubstr("INVALID_ARGUMENT"), HasSubstr("format")));
}

TEST_F(ErrorsTest, AnOutputThatCannotBeWrittenIsNamed) {
  const std::string blocked = Write("file", "x") + "/out.png";
  const ProgramResult result = server_->Vitok({"reconstruct", kPhoto, "-o", blocked});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, AllOf(IsOneLine(), HasSubstr("cannot make the folder " + (folder_ / "file"))));
}

}  // namespace
}  // namespace vitok
