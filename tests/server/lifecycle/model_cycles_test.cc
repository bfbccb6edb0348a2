// Memory of models that come and go, with the embedded model.
#include <gmock/gmock.h>

#include "core/model/load_autoencoder.h"
#include "tests/server/lifecycle/admin_fixture.h"
#include "tests/support/process_size.h"

namespace vitok {
namespace {

constexpr char kFolder[] = "models/tiny-f16x64";

class ModelCyclesTest : public AdminTest {
 protected:
  ModelCyclesTest() {
    const TokenizerLoader fake = load_;
    load_ = [fake](const LoadOptions& options) {
      return options.folder == kFolder ? LoadAutoencoder(options) : fake(options);
    };
    estimate_ = [](const LoadOptions& options, int64_t tokens) -> absl::StatusOr<ModelMemory> {
      if (options.folder != kFolder) return ModelMemory();
      return EstimateModelMemory(options, tokens);
    };
  }
};

TEST_F(ModelCyclesTest, F20_FiftyCyclesGrowByLessThan64MiB) {
  StartAdmin();
  v1::EncodeRequest request = EncodeOf(Raw(Image(64, 64)));
  request.set_model("tiny");
  int64_t first = 0;
  for (int cycle = 0; cycle < 50; ++cycle) {
    ASSERT_TRUE(Load("tiny", 1, kFolder).ok());
    ASSERT_TRUE(Encode(request).ok());
    ASSERT_TRUE(Unload("tiny", 1).ok());
    if (cycle == 0) first = ResidentBytes();
  }
  EXPECT_LT(ResidentBytes() - first, int64_t{64} << 20);
  RecordProperty("growth_bytes", std::to_string(ResidentBytes() - first));
}

TEST(ModelMemoryTest, EstimatesFromTheHeadersAlone) {
  const LoadOptions options{.folder = kFolder};
  const absl::StatusOr<ModelMemory> small = EstimateModelMemory(options, 1);
  const absl::StatusOr<ModelMemory> large = EstimateModelMemory(options, 16384);
  ASSERT_TRUE(small.ok()) << small.status();
  const auto info = (*LoadAutoencoder(options))->info();
  EXPECT_EQ(small->weights, 4 * (info.encoder_parameters + info.decoder_parameters));
  EXPECT_EQ(large->weights, small->weights);
  EXPECT_GE(small->activations, small->weights) << "the file's weights, while it is loaded";
  EXPECT_GT(large->activations, int64_t{16384} * 4 * info.patch_values);
  EXPECT_EQ(EstimateModelMemory({.folder = "nowhere"}, 1).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace vitok
