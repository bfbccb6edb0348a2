#include "client/cli/file_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/temp_folder.h"

namespace vitok {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FilePlanTest : public ::testing::Test {
 protected:
  std::string Touch(const std::string& name) {
    const std::string path = folder_ / name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << "x";
    return path;
  }

  absl::StatusOr<std::vector<FileJob>> Plan(const std::vector<std::string>& inputs, const std::string& output) {
    return PlanFiles(
        {.inputs = inputs, .output = output, .extensions = PictureExtensions(), .output_extension = "png"});
  }

  std::vector<std::string> Outputs(const std::vector<std::string>& inputs, const std::string& output) {
    std::vector<std::string> outputs;
    const auto jobs = Plan(inputs, output);
    EXPECT_TRUE(jobs.ok()) << jobs.status();
    if (!jobs.ok()) return outputs;
    for (const FileJob& job : *jobs) outputs.push_back(job.output);
    return outputs;
  }

  TempFolder folder_;
};

TEST_F(FilePlanTest, ListsFilesAndFoldersInOrder) {
  const std::string b = Touch("in/b.png"), a = Touch("in/deeper/a.JPG"), file = Touch("file.txt");
  Touch("in/notes.txt");
  EXPECT_EQ(ListFiles({file, folder_ / "in"}, PictureExtensions()).value(), (std::vector<std::string>{file, b, a}));
  Touch("empty/notes.txt");
  EXPECT_TRUE(absl::IsInvalidArgument(ListFiles({folder_ / "empty"}, PictureExtensions()).status()));
}

TEST_F(FilePlanTest, TakesTheOutputAsAFileForOneInput) {
  EXPECT_THAT(Outputs({Touch("a.jpg")}, folder_ / "b.webp"), ElementsAre(folder_ / "b.webp"));
}

TEST_F(FilePlanTest, PutsOneInputIntoAFolderThatExistsOrEndsInASlash) {
  Touch("out/other");
  EXPECT_THAT(Outputs({Touch("a.jpg")}, folder_ / "out"), ElementsAre(folder_ / "out/a.png"));
  EXPECT_THAT(Outputs({Touch("a.jpg")}, folder_ / "new/"), ElementsAre(folder_ / "new/a.png"));
}

TEST_F(FilePlanTest, PutsSeveralInputsIntoAFolderInTheirOrder) {
  EXPECT_THAT(Outputs({Touch("b.jpg"), Touch("a.tiff")}, folder_ / "out"),
              ElementsAre(folder_ / "out/b.png", folder_ / "out/a.png"));
}

TEST_F(FilePlanTest, TakesPicturesOfAFolderSortedAndKeepsSubfolders) {
  for (const char* name : {"in/b.JPG", "in/a.png", "in/sub/c.webp", "in/readme.txt", "in/noextension", "in/d.bmp"}) {
    Touch(name);
  }
  EXPECT_THAT(
      Outputs({folder_ / "in"}, folder_ / "out"),
      ElementsAre(folder_ / "out/a.png", folder_ / "out/b.png", folder_ / "out/d.png", folder_ / "out/sub/c.png"));
}

TEST_F(FilePlanTest, KeepsWholeNamesWhereReplacingTheSuffixMakesThemEqual) {
  EXPECT_THAT(Outputs({Touch("a.jpg"), Touch("a.png"), Touch("b.png")}, folder_ / "out"),
              ElementsAre(folder_ / "out/a.jpg.png", folder_ / "out/a.png.png", folder_ / "out/b.png"));
}

TEST_F(FilePlanTest, RefusesTwoInputsOfOneName) {
  const absl::Status status = Plan({Touch("x/a.jpg"), Touch("y/a.jpg")}, folder_ / "out").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("x/a.jpg and " + (folder_ / "y/a.jpg") + " would both become"));
}

TEST_F(FilePlanTest, RefusesToOverwriteAnInput) {
  Touch("in/a.png");
  for (const std::string& output : {folder_ / "in", folder_ / "in/../in/"}) {
    const absl::Status status = Plan({folder_ / "in"}, output).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status));
    EXPECT_THAT(std::string(status.message()), HasSubstr("would overwrite an input"));
  }
}

TEST_F(FilePlanTest, RefusesAFolderWithoutPicturesNamingTheSuffixes) {
  Touch("in/readme.txt");
  const absl::Status status = Plan({folder_ / "in"}, folder_ / "out").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("holds no file named *.jpg, *.jpeg, *.png"));
}

TEST_F(FilePlanTest, ListsFilesThatDoNotExist) {
  EXPECT_THAT(Outputs({folder_ / "none.jpg", Touch("a.jpg")}, folder_ / "out"),
              ElementsAre(folder_ / "out/none.png", folder_ / "out/a.png"));
}

}  // namespace
}  // namespace vitok
