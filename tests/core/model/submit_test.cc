// Batches that are submitted against the same batches packed on the host from patches: on the CPU, and on a GPU where
// there is one.
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "core/model/autoencoder_tokenizer.h"
#include "core/model/device.h"
#include "core/model/pixel_sequences.h"
#include "core/tokens/pack.h"
#include "tests/support/sequence_tokenizer.h"
#include "tests/support/tensor_matchers.h"
#include "tests/support/tiny_model.h"

namespace vitok {
namespace {

struct Params {
  std::string device;
  at::ScalarType dtype;
  std::optional<int64_t> pad_to_tokens;
};

void PrintTo(const Params& params, std::ostream* out) { *out << params.device << " " << params.dtype; }

PixelImage RandomPixels(int64_t height_px, int64_t width_px, NormalizeMode mode = NormalizeMode::kMinusOneToOne) {
  return {at::randint(256, {height_px, width_px, 3}, at::kByte), mode};
}

// Packs patches and latents with the plain packer, and makes patches of pixels and pictures of patches on the host.
class HostTokenizer : public SequenceTokenizer {
 public:
  explicit HostTokenizer(Autoencoder model) : model_(std::move(model)) { info_.patch_px = model_.config().patch_px; }

  const TokenizerInfo& info() const override { return info_; }

 private:
  absl::StatusOr<std::vector<LatentSequence>> Encode(absl::Span<const PatchSequence> images, BatchTimes&) override {
    return SplitLatents(model_.Encode(PackPatches(images, options())));
  }
  absl::StatusOr<std::vector<PatchSequence>> Decode(absl::Span<const LatentSequence> latents, BatchTimes&) override {
    return PicturesOf(model_.Decode(PackLatents(latents, options())));
  }
  absl::StatusOr<std::vector<PatchSequence>> Reconstruct(absl::Span<const PatchSequence> images, BatchTimes&) override {
    return PicturesOf(model_.Decode(model_.Encode(PackPatches(images, options()))));
  }

  PackOptions options() const {
    return {.dtype = model_.dtype(), .device = model_.device(), .pad_to_tokens = model_.config().attend_padding_to};
  }

  // Without the padding tokens.
  static std::vector<PatchSequence> PicturesOf(const PackedPatches& packed) {
    std::vector<PatchSequence> images = SplitPatches(packed);
    for (PatchSequence& image : images) {
      for (at::Tensor* tensor : {&image.patches_ND, &image.row_N, &image.col_N}) {
        *tensor = tensor->narrow(0, 0, image.geometry.cells());
      }
    }
    return images;
  }

  Autoencoder model_;
  TokenizerInfo info_;
};

class SubmitTest : public testing::TestWithParam<Params> {
 protected:
  void SetUp() override {
    const absl::StatusOr<at::Device> device = ParseDevice(GetParam().device);
    if (!device.ok()) GTEST_SKIP() << device.status().message();
    AutoencoderConfig config = *AutoencoderConfig::FromVariant(kTinyVariant);
    config.attend_padding_to = GetParam().pad_to_tokens;
    const WeightMap weights = RandomWeights(config, GetParam().dtype);
    const auto model = [&] {
      return *Autoencoder::Create(config, weights,
                                  GetParam().dtype == at::kFloat ? Precision::kFloat32 : Precision::kBfloat16, *device);
    };
    tokenizer_ = std::make_unique<AutoencoderTokenizer>(model());
    host_tokenizer_ = std::make_unique<HostTokenizer>(model());
    at::manual_seed(5);
  }

  std::vector<TokenizerOutput> Run(const std::vector<TokenizerItem>& items) {
    BatchTimes times;
    return *tokenizer_->Run(items, times);
  }

  // The same on the host, from the same values.
  std::vector<TokenizerOutput> Expected(const std::vector<TokenizerItem>& items) {
    BatchTimes times;
    return *host_tokenizer_->Run(items, times);
  }

  const c10::InferenceMode inference_;
  std::unique_ptr<Tokenizer> tokenizer_, host_tokenizer_;
};

INSTANTIATE_TEST_SUITE_P(, SubmitTest,
                         testing::Values(Params{"cpu", at::kFloat, {}}, Params{"cpu", at::kBFloat16, {}},
                                         Params{"cpu", at::kFloat, 12}, Params{"cuda", at::kFloat, {}},
                                         Params{"cuda", at::kBFloat16, {}}, Params{"cuda", at::kFloat, 12}),
                         [](const auto& info) {
                           return std::string(info.param.device == "cpu" ? "Cpu" : "Cuda") +
                                  c10::toString(info.param.dtype) + (info.param.pad_to_tokens ? "Padded" : "");
                         });

void ExpectSame(const std::vector<TokenizerOutput>& actual, const std::vector<TokenizerOutput>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    ASSERT_EQ(actual[i].index(), expected[i].index()) << i;
    if (const auto* picture = std::get_if<DecodedPicture>(&actual[i])) {
      EXPECT_TRUE(IsSame(picture->pixels_HW3, std::get<DecodedPicture>(expected[i]).pixels_HW3)) << i;
      EXPECT_EQ(picture->finite, std::get<DecodedPicture>(expected[i]).finite) << i;
    } else if (const auto* patches = std::get_if<PatchSequence>(&actual[i])) {
      EXPECT_TRUE(IsSame(patches->patches_ND, std::get<PatchSequence>(expected[i]).patches_ND)) << i;
      EXPECT_TRUE(IsSame(patches->row_N, std::get<PatchSequence>(expected[i]).row_N)) << i;
      EXPECT_TRUE(IsSame(patches->col_N, std::get<PatchSequence>(expected[i]).col_N)) << i;
      EXPECT_EQ(patches->geometry, std::get<PatchSequence>(expected[i]).geometry) << i;
    } else {
      const auto& latents = std::get<LatentSequence>(actual[i]);
      EXPECT_TRUE(IsSame(latents.z_NZ, std::get<LatentSequence>(expected[i]).z_NZ)) << i;
      EXPECT_TRUE(IsSame(latents.row_N, std::get<LatentSequence>(expected[i]).row_N)) << i;
      EXPECT_TRUE(IsSame(latents.col_N, std::get<LatentSequence>(expected[i]).col_N)) << i;
      EXPECT_EQ(latents.geometry, std::get<LatentSequence>(expected[i]).geometry) << i;
    }
  }
}

TEST_P(SubmitTest, EncodesPixels) {
  const std::vector<TokenizerItem> items = {{RandomPixels(16, 16), OutputForm::kLatents},
                                            {RandomPixels(33, 47, NormalizeMode::kImagenet), OutputForm::kLatents},
                                            {RandomPixels(1, 1), OutputForm::kLatents}};
  ExpectSame(Run(items), Expected(items));
}

TEST_P(SubmitTest, EncodesPixelsAndPatchesTogether) {
  const PatchSequence patches = ToPatches(RandomPixels(20, 30), 8);
  const std::vector<TokenizerItem> items = {{patches, OutputForm::kLatents},
                                            {RandomPixels(24, 8), OutputForm::kLatents},
                                            {ToPatches(RandomPixels(9, 50), 8), OutputForm::kLatents},
                                            {patches, OutputForm::kLatents}};
  ExpectSame(Run(items), Expected(items));
}

TEST_P(SubmitTest, ReconstructsToPicturesAndPatches) {
  const std::vector<TokenizerItem> items = {{RandomPixels(31, 50), OutputForm::kPicture},
                                            {RandomPixels(16, 16), OutputForm::kPatches},
                                            {ToPatches(RandomPixels(20, 30), 8), OutputForm::kPicture},
                                            {RandomPixels(8, 8), OutputForm::kPicture}};
  ExpectSame(Run(items), Expected(items));
}

TEST_P(SubmitTest, DecodesLatents) {
  std::vector<TokenizerItem> items;
  for (TokenizerOutput& output : Run({{RandomPixels(31, 50), OutputForm::kLatents},
                                      {RandomPixels(16, 16), OutputForm::kLatents},
                                      {RandomPixels(40, 8), OutputForm::kLatents}})) {
    items.push_back(
        {std::get<LatentSequence>(output), items.size() == 1 ? OutputForm::kPatches : OutputForm::kPicture});
  }
  ExpectSame(Run(items), Expected(items));
}

TEST_P(SubmitTest, SaysWhichPictureIsNotFinite) {
  PatchSequence bad = ToPatches(RandomPixels(20, 30), 8);
  bad.patches_ND[3][5] = NAN;
  const std::vector<TokenizerOutput> outputs = Run({{RandomPixels(16, 16), OutputForm::kPicture},
                                                    {bad, OutputForm::kPicture},
                                                    {RandomPixels(8, 24), OutputForm::kPicture}});
  EXPECT_TRUE(std::get<DecodedPicture>(outputs[0]).finite);
  EXPECT_FALSE(std::get<DecodedPicture>(outputs[1]).finite);
  EXPECT_TRUE(std::get<DecodedPicture>(outputs[2]).finite);
}

// Slots are used again, grow and shrink while batches before them are under way; inputs are gone after Submit.
TEST_P(SubmitTest, BatchesUnderWayKeepTheirValues) {
  std::deque<std::pair<std::unique_ptr<PendingBatch>, std::vector<TokenizerOutput>>> pending;
  const auto check_first = [&pending] {
    BatchTimes times;
    ExpectSame(*pending.front().first->Wait(times), pending.front().second);
    pending.pop_front();
  };
  for (int batch = 0; batch < 12; ++batch) {
    std::vector<TokenizerItem> items;
    for (int i = 0; i < 1 + batch * 5 % 7; ++i) {
      items.push_back({RandomPixels(8 + batch * 11, 40 + 30 * i), OutputForm::kPicture});
    }
    std::vector<TokenizerOutput> expected = Expected(items);
    std::unique_ptr<PendingBatch> submitted = *tokenizer_->Submit(items);
    for (TokenizerItem& item : items) std::get<PixelImage>(item.input).pixels_HW3.zero_();
    pending.emplace_back(std::move(submitted), std::move(expected));
    if (pending.size() == 4) check_first();
  }
  pending.pop_back();  // one that nobody waits for
  while (!pending.empty()) check_first();
}

TEST_P(SubmitTest, TheSteadyStateAllocatesNoMemoryOfTheDevice) {
  std::vector<TokenizerItem> items;
  for (int i = 0; i < 5; ++i) items.push_back({RandomPixels(300, 200 + 50 * i), OutputForm::kPicture});
  std::unique_ptr<PendingBatch> pending;
  const auto run = [&](int batches) {
    BatchTimes times;
    for (int i = 0; i < batches; ++i) {
      std::unique_ptr<PendingBatch> next = *tokenizer_->Submit(items);
      if (pending != nullptr) {
        ASSERT_TRUE(pending->Wait(times).ok());
      }
      pending = std::move(next);
    }
  };
  // Four at once need more than two ever will: memory of a copy comes back when the copy behind it is done, too.
  for (int i = 0; i < 3; ++i) {
    std::vector<std::unique_ptr<PendingBatch>> batches;
    for (int j = 0; j < 4; ++j) batches.push_back(*tokenizer_->Submit(items));
  }
  const std::optional<DeviceMemory> before = ReadDeviceMemory(GetParam().device);
  if (!before.has_value()) GTEST_SKIP() << "the CPU has no such memory";
  run(10);
  const std::optional<DeviceMemory> after = ReadDeviceMemory(GetParam().device);
  EXPECT_EQ(after->reserved, before->reserved);
  EXPECT_EQ(after->pinned, before->pinned);
}

TEST_P(SubmitTest, IsReadyOnceTheWorkIsDone) {
  const std::vector<TokenizerItem> items = {{RandomPixels(64, 64), OutputForm::kPicture}};
  const std::unique_ptr<PendingBatch> pending = *tokenizer_->Submit(items);
  if (GetParam().device == "cpu") {
    EXPECT_TRUE(pending->IsReady());
  }
  BatchTimes times;
  ASSERT_TRUE(pending->Wait(times).ok());
  EXPECT_TRUE(pending->IsReady());
}

TEST_P(SubmitTest, TellsWhereTheTimeWent) {
  const std::vector<TokenizerItem> items = {{RandomPixels(64, 64), OutputForm::kPicture}};
  BatchTimes times;
  ASSERT_TRUE((*tokenizer_->Submit(items))->Wait(times).ok());
  EXPECT_GT(times.host_to_device, absl::ZeroDuration());
  EXPECT_GT(times.compute, absl::ZeroDuration());
  EXPECT_GT(times.device_to_host, absl::ZeroDuration());
}

TEST_P(SubmitTest, RefusesItemsThatDoNotGoTogether) {
  const LatentSequence latents = {at::zeros({1, 16}), at::zeros({1}, at::kInt), at::zeros({1}, at::kInt), {8, 8, 1, 1}};
  const std::vector<TokenizerItem> mixed = {{RandomPixels(8, 8), OutputForm::kPicture},
                                            {latents, OutputForm::kPicture}};
  EXPECT_TRUE(absl::IsInvalidArgument(tokenizer_->Submit(mixed).status()));
  const std::vector<TokenizerItem> to_itself = {{latents, OutputForm::kLatents}};
  EXPECT_TRUE(absl::IsInvalidArgument(tokenizer_->Submit(to_itself).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(tokenizer_->Submit({}).status()));
}

TEST(SubmitHalvesTest, NeedsTheHalvesOfTheModel) {
  const AutoencoderConfig config = *AutoencoderConfig::FromVariant(kTinyVariant);
  WeightMap weights = RandomWeights(config, at::kFloat);
  std::erase_if(weights, [&](const auto& weight) {
    return WeightShapes(config, AutoencoderHalf::kDecoder).contains(weight.first);
  });
  AutoencoderTokenizer tokenizer(*Autoencoder::Create(config, weights, Precision::kFloat32, at::kCPU));
  EXPECT_TRUE(tokenizer.Submit({{{RandomPixels(8, 8), OutputForm::kLatents}}}).ok());
  EXPECT_TRUE(absl::IsUnimplemented(tokenizer.Submit({{{RandomPixels(8, 8), OutputForm::kPicture}}}).status()));
}

}  // namespace
}  // namespace vitok
