// The cases of variants.json: names, shapes and parameter counts of variants.
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "core/model/autoencoder_config.h"
#include "tests/golden/golden_suites.h"
#include "tests/support/golden_file.h"

namespace vitok::golden {
namespace {

using nlohmann::json;

class VariantTest : public testing::Test {
 public:
  explicit VariantTest(std::function<void()> body) : body_(std::move(body)) {}
  void TestBody() override { body_(); }

 private:
  std::function<void()> body_;
};

// Registers tests under names made of the variants they are about.
class Suite {
 public:
  explicit Suite(std::string section) : name_("VariantGolden_" + std::move(section)) {}

  void Add(const std::string& variant, std::function<void()> body) {
    testing::RegisterTest(name_.c_str(), UniqueName(variant).c_str(), nullptr, nullptr, __FILE__, __LINE__,
                          [body = std::move(body)]() -> testing::Test* { return new VariantTest(body); });
  }

 private:
  // `variant` with everything but letters and digits as '_'; variants that differ only there get a number.
  std::string UniqueName(const std::string& variant) {
    std::string name = variant.empty() ? "empty" : variant;
    for (char& c : name) {
      if (!absl::ascii_isalnum(c)) c = '_';
    }
    std::string unique = name;
    for (int i = 2; !names_.insert(unique).second; ++i) unique = name + "_" + std::to_string(i);
    return unique;
  }

  std::string name_;
  std::set<std::string> names_;
};

void ExpectTower(const TowerConfig& tower, int64_t parameters, const json& expected) {
  EXPECT_EQ(tower.width, expected.at("width"));
  EXPECT_EQ(tower.depth, expected.at("depth"));
  EXPECT_EQ(tower.heads, expected.at("heads"));
  EXPECT_EQ(tower.head_dim(), expected.at("head_dim"));
  EXPECT_EQ(tower.mlp_hidden, expected.at("mlp_hidden"));
  EXPECT_EQ(parameters, expected.at("parameters"));
}

void ExpectAccepted(const std::string& variant, const json& expected) {
  const absl::StatusOr<AutoencoderConfig> config = AutoencoderConfig::FromVariant(variant);
  ASSERT_TRUE(config.ok()) << config.status();
  {
    SCOPED_TRACE("encoder");
    ExpectTower(config->encoder, config->encoder_parameters(), expected.at("encoder"));
  }
  {
    SCOPED_TRACE("decoder");
    ExpectTower(config->decoder, config->decoder_parameters(), expected.at("decoder"));
  }
  EXPECT_EQ(config->patch_px, expected.at("patch"));
  EXPECT_EQ(config->latent_channels, expected.at("channels"));
  EXPECT_EQ(config->temporal, expected.at("temporal"));
  EXPECT_EQ(config->patch_values(), expected.at("pixels_per_token"));
  const absl::Status buildable = config->CheckBuildable();
  EXPECT_EQ(buildable.ok(), expected.at("usable").get<bool>()) << buildable;
}

// A variant that the reference takes by accident: refused when parsed, or at the latest before a model is built.
void ExpectRefusedBeforeBuild(const std::string& variant) {
  const absl::StatusOr<AutoencoderConfig> config = AutoencoderConfig::FromVariant(variant);
  const absl::Status status = config.ok() ? config->CheckBuildable() : config.status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
}

void ExpectRefused(const std::string& variant) {
  const absl::Status status = AutoencoderConfig::FromVariant(variant).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("'" + variant + "'"), std::string::npos) << status;
}

void ExpectPreset(const std::string& letter, const json& expected) {
  const absl::StatusOr<AutoencoderConfig> config = AutoencoderConfig::FromVariant(letter + "/16x16");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->encoder.width, expected.at("width"));
  EXPECT_EQ(config->encoder.depth, expected.at("depth"));
  EXPECT_EQ(config->encoder.heads, expected.at("heads"));
}

void RegisterSection(const std::string& section, const json& cases, Coverage& coverage) {
  Suite suite(section);
  if (section == "hidden_size") {
    for (const json& row : cases) {
      const int64_t width = row.at("width"), hidden = row.at("hidden");
      const double factor = row.at("mlp_factor");
      suite.Add(row.at("width").dump() + "x" + row.at("mlp_factor").dump(),
                [=] { EXPECT_EQ(MlpHiddenSize(width, factor), hidden); });
    }
    return;
  }
  for (const auto& [variant, expected] : cases.items()) {
    if (section == "pretrained") {
      suite.Add(variant, [expected] { ExpectAccepted(expected.at("variant"), expected); });
    } else if (section == "documented" || section == "odd_but_legal") {
      suite.Add(variant, [variant, expected] { ExpectAccepted(variant, expected); });
    } else if (section == "accepted_but_wrong") {
      suite.Add(variant, [variant] { ExpectRefusedBeforeBuild(variant); });
    } else if (section == "malformed") {
      suite.Add(variant, [variant] { ExpectRefused(variant); });
    } else if (section == "letters") {
      suite.Add(variant, [variant, expected] { ExpectPreset(variant, expected); });
    } else {
      // A section of another model's variants, such as dit: lists of cases, and remarks.
      for (size_t i = 0; expected.is_structured() && i < expected.size(); ++i)
        coverage.AddUncovered("variants " + section);
    }
  }
}

}  // namespace

void RegisterVariantGoldens(const std::filesystem::path& folder, Coverage& coverage) {
  const std::filesystem::path file = folder / "variants.json";
  if (!std::filesystem::exists(file)) return;
  const json sections = ReadJson(file);
  for (const auto& [section, cases] : sections.items()) {
    if (cases.is_structured()) RegisterSection(section, cases, coverage);
  }
}

}  // namespace vitok::golden
