// A hub that tests can spoil, and a cache to fill from it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "core/weights/hub.h"
#include "tests/support/fake_hub.h"
#include "tests/support/temp_folder.h"

namespace vitok {

class HubTest : public testing::Test {
 protected:
  HubTest() {
    options_.endpoint = hub_.endpoint();
    options_.cache_folder = folder_ / "cache";
    options_.sleep = [this](absl::Duration duration) { slept_.push_back(duration); };
    options_.warn = [this](const std::string& text) { warnings_.push_back(text); };
    commit_ =
        hub_.AddCommit("org/model", "main", {{"encoder.safetensors", encoder_}, {"decoder.safetensors", decoder_}});
  }

  absl::StatusOr<LocalModel> Fetch(const std::string& name = "org/model", WantedHalves wanted = {}) {
    const absl::StatusOr<HubSource> source = ParseHubSource(name);
    if (!source.ok()) return source.status();
    return FetchModel(*source, wanted, options_);
  }

  std::string InCache(const std::string& path) const { return options_.cache_folder + "/models--org--model/" + path; }

  static std::string Read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }

  // The files below the cache that hold or will hold bytes of a model, by their names.
  std::set<std::string> Blobs() const {
    std::set<std::string> names;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(InCache("blobs"), error)) {
      names.insert(entry.path().filename().string());
    }
    return names;
  }

  // OK, and every file of the model has its bytes, which are under their final names only.
  void ExpectWhole(const absl::StatusOr<LocalModel>& model) const {
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_EQ(model->path, InCache("snapshots/" + commit_));
    EXPECT_EQ(model->commit, commit_);
    ASSERT_EQ(model->files.size(), 2);
    EXPECT_TRUE(Read(model->path + "/encoder.safetensors") == encoder_);
    EXPECT_TRUE(Read(model->path + "/decoder.safetensors") == decoder_);
    EXPECT_EQ(Read(InCache("refs/main")), commit_);
    EXPECT_EQ(Blobs().size(), 2);
  }

  // No bytes of the encoder, whole or not, and nothing that leads to the commit.
  void ExpectNothing() const {
    EXPECT_TRUE(Blobs().empty());
    std::error_code error;
    EXPECT_FALSE(std::filesystem::exists(InCache("refs/main"), error));
    EXPECT_FALSE(std::filesystem::exists(InCache("snapshots/" + commit_ + "/encoder.safetensors"), error));
  }

  const std::string encoder_ = TestBytes(70'000, 1);
  const std::string decoder_ = TestBytes(300'000, 2);
  TempFolder folder_;
  std::vector<absl::Duration> slept_;
  std::vector<std::string> warnings_;
  FakeHub hub_;
  HubOptions options_;
  std::string commit_;
};

}  // namespace vitok
