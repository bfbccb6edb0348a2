// Archives that nobody meant well: nothing is written, nothing hangs, every loss is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <clocale>

#include "tests/core/image/source/source_fixture.h"
#include "tests/support/temp_folder.h"

namespace vitok {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class HostileTarTest : public testing::Test {
 protected:
  std::unique_ptr<ImageSource> OpenBytes(const std::string& bytes) const {
    return Open(WriteBytes(folder_ / "a.tar", bytes), {.shuffle = false, .max_file_bytes = 1 << 20});
  }

  const TempFolder folder_;
  const std::string good_ = MakeTarMember({.name = "good.png", .data = SmallPicture()});
};

TEST_F(HostileTarTest, CutOffAnywhereGivesWhatIsWholeOrAnError) {
  const std::string tar = MakeShard("s", 3);
  const std::vector<std::string> all = {"s0", "s1", "s2"};
  for (size_t size = 0; size < tar.size(); size += size % 512 == 511 ? 1 : 73) {
    SCOPED_TRACE(size);
    const auto source = OpenBytes(tar.substr(0, size));
    std::vector<std::string> keys;
    bool failed = false;
    for (int i = 0; i < 5; ++i) {
      const absl::StatusOr<std::optional<ImageSample>> sample = source->Next();
      if (!sample.ok()) {
        EXPECT_EQ(sample.status().code(), absl::StatusCode::kDataLoss);
        EXPECT_THAT(std::string(sample.status().message()), HasSubstr(folder_ / "a.tar"));
        EXPECT_FALSE(failed) << "one error for one shard";
        failed = true;
      } else if (sample->has_value()) {
        keys.push_back((*sample)->key);
        EXPECT_EQ((*sample)->bytes, SmallPicture());
      } else {
        break;
      }
    }
    ASSERT_LE(keys.size(), all.size());
    EXPECT_EQ(keys, std::vector(all.begin(), all.begin() + static_cast<int64_t>(keys.size())));
    if (size % 512 != 0 && keys != all) {
      EXPECT_TRUE(failed) << "cut off within a block";
    }
  }
}

TEST_F(HostileTarTest, NamesAreJustNames) {
  const auto source = OpenBytes(MakeTarMember({.name = "/etc/absolute.png", .data = SmallPicture()}) +
                                MakeTarMember({.name = "../../up.png", .data = SmallPicture()}) + TarEnd());
  EXPECT_THAT(Epoch(*source), ElementsAre("/etc/absolute", "../../up"));
}

TEST_F(HostileTarTest, LinksFoldersAndDevicesAreNoPictures) {
  const auto source = OpenBytes(MakeTarMember({.name = "soft.png", .data = "", .type = '2', .link = "/etc/passwd"}) +
                                MakeTarMember({.name = "hard.png", .data = "", .type = '1', .link = "good.png"}) +
                                MakeTarMember({.name = "folder.png", .data = "", .type = '5'}) +
                                MakeTarMember({.name = "device.png", .data = "", .type = '3'}) +
                                MakeTarMember({.name = "pipe.png", .data = "", .type = '6'}) + good_ + TarEnd());
  EXPECT_THAT(Epoch(*source), ElementsAre("good"));
  EXPECT_EQ(source->Stats().broken, 0);
}

TEST_F(HostileTarTest, LargeMembersArePassedOverAndNamed) {
  const auto source = OpenBytes(good_ + MakeTarMember({.name = "big.png", .data = std::string((1 << 20) + 1, 'x')}) +
                                MakeTarMember({.name = "after.png", .data = SmallPicture()}) + TarEnd());
  EXPECT_THAT(Epoch(*source), ElementsAre("good", "after"));
  EXPECT_THAT(source->Stats().skipped.at(0).reason,
              AllOf(HasSubstr("big.png"), HasSubstr("1048577"), HasSubstr("1048576")));
}

TEST_F(HostileTarTest, StatedSizesTakeNoMemory) {
  for (const int64_t stated : {int64_t{1} << 19, int64_t{1} << 34, int64_t{1} << 62, INT64_MAX}) {
    const auto source =
        OpenBytes(good_ + MakeTarMember({.name = "b.png", .data = "x", .stated_bytes = stated}) + TarEnd());
    const std::vector<std::string> keys = Epoch(*source);
    EXPECT_EQ(keys.back(), "!DATA_LOSS") << stated;
    EXPECT_THAT(keys, Not(Contains("b"))) << stated;
  }
}

TEST_F(HostileTarTest, ReadsLongNamesOfGnuAndPax) {
  const std::string name = std::string(300, 'd') + "/bild-\xC3\xA4\xE7\x94\xBB";
  ASSERT_STREQ(std::setlocale(LC_ALL, nullptr), "C") << "names must not depend on the locale";
  const auto source = OpenBytes(MakeGnuLongMember("g" + name + ".png", SmallPicture()) +
                                MakePaxMember("p" + name + ".png", SmallPicture()) +
                                MakeTarMember({.name = "raw-\xFF.png", .data = SmallPicture()}) + TarEnd());
  EXPECT_THAT(Epoch(*source), ElementsAre("g" + name, "p" + name, "raw-\xFF"));
}

TEST_F(HostileTarTest, SameNameTwiceIsTwoSamples) {
  EXPECT_THAT(Epoch(*OpenBytes(good_ + good_ + TarEnd())), ElementsAre("good", "good"));
}

TEST_F(HostileTarTest, WhatFollowsTheEndIsIgnored) {
  EXPECT_THAT(Epoch(*OpenBytes(good_ + TarEnd() + std::string(5000, 'x'))), ElementsAre("good"));
  EXPECT_THAT(Epoch(*OpenBytes(good_)), ElementsAre("good")) << "no end mark";
}

TEST_F(HostileTarTest, WhatIsNoTarIsRefused) {
  const auto refusal = [&](const std::string& bytes) {
    return std::string(OpenBytes(bytes)->Next().status().message());
  };
  EXPECT_THAT(refusal(""), HasSubstr("is empty"));
  EXPECT_THAT(refusal(std::string(4096, 'x')), HasSubstr("is no tar archive"));
  EXPECT_THAT(refusal(SmallPicture()), HasSubstr("is no tar archive"));
  EXPECT_THAT(refusal("\x1F\x8B" + std::string(2000, 'x')), HasSubstr("is compressed (gzip)"));
  EXPECT_THAT(refusal("\x28\xB5\x2F\xFD" + std::string(2000, 'x')), HasSubstr("is compressed (zstd)"));
  EXPECT_THAT(Epoch(*OpenBytes(good_ + std::string(1024, 'x') + TarEnd())), ElementsAre("!DATA_LOSS"));
}

TEST_F(HostileTarTest, FlippedHeadersAreErrorsOrOtherNames) {
  const std::string tar = MakeShard("s", 2);
  for (size_t at = 0; at < 512; at += 3) {
    std::string flipped = tar;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x55);
    const auto source = OpenBytes(flipped);
    for (int i = 0; i < 6; ++i) Step(*source);
  }
}

}  // namespace
}  // namespace vitok
