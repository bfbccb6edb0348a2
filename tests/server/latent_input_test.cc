#include "server/latent_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "server/latent_output.h"
#include "tests/server/proto_tensors.h"

namespace vitok {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kChannels = 4;
constexpr int64_t kMaxTokens = 100;

class LatentInputTest : public ::testing::Test {
 protected:
  LatentInputTest() {
    model_.patch_px = 16;
    model_.latent_channels = kChannels;
    z_ = at::arange(6 * kChannels, at::kFloat).reshape({6, kChannels});
    *latents_.mutable_z() = ToProtoTensor(z_, DType::kFloat32);
    latents_.set_grid_rows(2);
    latents_.set_grid_cols(3);
  }

  void UseIndices(const std::vector<int32_t>& rows, const std::vector<int32_t>& cols) {
    *latents_.mutable_row_idx() = ProtoIndices(rows);
    *latents_.mutable_col_idx() = ProtoIndices(cols);
  }

  absl::StatusOr<LatentSequence> Read(bool allow_nonfinite = false) {
    const absl::StatusOr<int64_t> tokens = CountLatentTokens("latents[0]", latents_, kMaxTokens);
    if (!tokens.ok()) return tokens.status();
    return ReadLatents("latents[0]", latents_, model_, allow_nonfinite);
  }

  std::string Error() {
    const absl::Status status = Read().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(BlamedField(status), "");
    return std::string(status.message());
  }

  TokenizerInfo model_;
  at::Tensor z_;
  v1::Latents latents_;
};

TEST_F(LatentInputTest, ReadsAllThreeFormsAlike) {
  const absl::StatusOr<LatentSequence> raster = Read();
  ASSERT_TRUE(raster.ok()) << raster.status();
  EXPECT_TRUE(at::equal(raster->z_NZ, z_));
  EXPECT_TRUE(at::equal(raster->row_N, at::tensor({0, 0, 0, 1, 1, 1}, at::kInt)));
  EXPECT_TRUE(at::equal(raster->col_N, at::tensor({0, 1, 2, 0, 1, 2}, at::kInt)));
  EXPECT_EQ(raster->geometry, (ImageGeometry{32, 48, 2, 3}));

  UseIndices({0, 0, 0, 1, 1, 1}, {0, 1, 2, 0, 1, 2});
  latents_.set_grid_rows(0);
  latents_.set_grid_cols(0);
  const absl::StatusOr<LatentSequence> indexed = Read();
  ASSERT_TRUE(indexed.ok()) << indexed.status();
  EXPECT_EQ(indexed->geometry, raster->geometry);

  latents_.clear_row_idx();
  latents_.clear_col_idx();
  *latents_.mutable_z() = ToProtoTensor(z_.t().reshape({kChannels, 2, 3}), DType::kFloat32);
  const absl::StatusOr<LatentSequence> grid = Read();
  ASSERT_TRUE(grid.ok()) << grid.status();
  EXPECT_TRUE(at::equal(grid->z_NZ, z_));
  EXPECT_TRUE(at::equal(grid->row_N, raster->row_N));
  EXPECT_EQ(grid->geometry, raster->geometry);
}

TEST_F(LatentInputTest, KeepsTheOrderOfTokens) {
  UseIndices({1, 0, 1, 0, 0, 1}, {2, 0, 1, 1, 2, 0});
  const absl::StatusOr<LatentSequence> read = Read();
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(at::equal(read->z_NZ, z_));
  EXPECT_TRUE(at::equal(read->row_N, at::tensor({1, 0, 1, 0, 0, 1}, at::kInt)));
}

TEST_F(LatentInputTest, CutsThePictureToTheSizeGiven) {
  latents_.set_height_px(17);
  latents_.set_width_px(48);
  EXPECT_EQ(Read()->geometry, (ImageGeometry{17, 48, 2, 3}));
  latents_.set_height_px(33);
  EXPECT_THAT(Error(), HasSubstr("height between 0 and that of its grid, 2 * 16 = 32 px; was 33"));
  latents_.set_height_px(-1);
  EXPECT_THAT(Error(), HasSubstr("was -1"));
}

TEST_F(LatentInputTest, F7_RefusesAGridThatDoesNotMatch) {
  latents_.set_grid_cols(4);
  EXPECT_THAT(Error(), HasSubstr("grid of 2 rows and 4 columns does not have as many cells as there are tokens, 6"));
  latents_.set_grid_cols(0);
  EXPECT_THAT(Error(), HasSubstr("must give grid_rows and grid_cols, or row_idx and col_idx"));
  latents_.set_grid_cols(-3);
  EXPECT_THAT(Error(), HasSubstr("grid_cols must be 0 or more; was -3"));
  latents_.set_grid_cols(3);
  *latents_.mutable_z() = ToProtoTensor(z_.t().reshape({kChannels, 3, 2}), DType::kFloat32);
  EXPECT_THAT(Error(), HasSubstr("must have the grid of z, 3 rows and 2 columns; grid was 2 rows and 3 columns"));
}

TEST_F(LatentInputTest, F7_RefusesIndicesThatAreNotOnePerCell) {
  UseIndices({0, 0, 0, 1, 1, 2}, {0, 1, 2, 0, 1, 2});
  EXPECT_THAT(Error(), HasSubstr("latents[0].row_idx[5] must be 0 or more and less than 2; was 2"));
  UseIndices({0, 0, 0, 1, 1, 1}, {0, 1, -1, 0, 1, 2});
  EXPECT_THAT(Error(), HasSubstr("latents[0].col_idx[2] must be 0 or more and less than 3; was -1"));
  UseIndices({0, 0, 0, 1, 1, 1}, {0, 1, 2, 0, 1, 1});
  EXPECT_THAT(Error(), HasSubstr("tokens 4 and 5 are both at row 1, column 1"));
  latents_.set_grid_rows(0);
  UseIndices({0, 0, 0, 1, 1, 2}, {0, 1, 2, 0, 1, 2});
  EXPECT_THAT(Error(), HasSubstr("grid of 3 rows and 3 columns"));
  UseIndices({0, 0, 0, 1, 1, std::numeric_limits<int32_t>::max()}, {0, 1, 2, 0, 1, 2});
  EXPECT_THAT(Error(), HasSubstr("grid of 2147483648 rows"));
  latents_.clear_col_idx();
  Error();
}

TEST_F(LatentInputTest, F6_RefusesOtherShapes) {
  *latents_.mutable_z() = ToProtoTensor(at::zeros({6, kChannels + 1}), DType::kFloat32);
  EXPECT_THAT(Error(), HasSubstr("latents[0].z.shape must be [N, C] with C = 4; was [6, 5]"));
  *latents_.mutable_z() = ToProtoTensor(at::zeros({kChannels - 1, 2, 3}), DType::kFloat32);
  EXPECT_THAT(Error(), HasSubstr("must be [C, h, w] with C = 4; was [3, 2, 3]"));
  *latents_.mutable_z() = ToProtoTensor(at::zeros({kChannels}), DType::kFloat32);
  EXPECT_THAT(Error(), HasSubstr("must be [N, C] or [C, h, w]; was [4]"));
  *latents_.mutable_z() = ToProtoTensor(at::zeros({0, kChannels}), DType::kFloat32);
  EXPECT_THAT(Error(), HasSubstr("at least one token"));
  *latents_.mutable_z() = ProtoTensor(v1::DTYPE_FLOAT32, {0, int64_t{1} << 40, int64_t{1} << 40}, "");
  EXPECT_THAT(Error(), HasSubstr("63 bits"));
  *latents_.mutable_z() = ProtoTensor(v1::DTYPE_INT32, {1, 4}, std::string(16, '\0'));
  EXPECT_THAT(Error(), HasSubstr("latents[0].z.dtype must be float32, float16 or bfloat16; was int32"));
}

TEST_F(LatentInputTest, F4_RefusesMoreTokensThanTheLimit) {
  *latents_.mutable_z() = ToProtoTensor(at::zeros({kMaxTokens + 1, kChannels}), DType::kFloat16);
  EXPECT_THAT(Error(), HasSubstr("at most 100 tokens (max_image_tokens); was 101"));
}

TEST_F(LatentInputTest, F8_RefusesNonfiniteValuesUnlessAllowed) {
  z_[3][2] = std::numeric_limits<float>::quiet_NaN();
  *latents_.mutable_z() = ToProtoTensor(z_, DType::kBfloat16);
  EXPECT_THAT(Error(), HasSubstr("latents[0].z must be finite; holds NaN or infinity"));
  EXPECT_TRUE(Read(/*allow_nonfinite=*/true).ok());
}

TEST_F(LatentInputTest, WrittenLatentsReadBackEqualInBothLayouts) {
  UseIndices({1, 0, 1, 0, 0, 1}, {2, 0, 1, 1, 2, 0});
  latents_.set_height_px(30);
  const absl::StatusOr<LatentSequence> sequence = Read();
  ASSERT_TRUE(sequence.ok()) << sequence.status();
  const auto write = [&sequence](v1::LatentLayout layout) {
    v1::Latents message;
    const grpc::Slice z = WriteLatents(*sequence, {DType::kFloat32, layout}, &message).bytes;
    message.mutable_z()->set_data(z.begin(), z.size());
    return message;
  };
  const v1::Latents packed = write(v1::LATENT_LAYOUT_PACKED), grid = write(v1::LATENT_LAYOUT_GRID);
  const absl::StatusOr<LatentSequence> from_packed = ReadLatents("latents[0]", packed, model_, false);
  const absl::StatusOr<LatentSequence> from_grid = ReadLatents("latents[0]", grid, model_, false);
  ASSERT_TRUE(from_packed.ok()) << from_packed.status();
  ASSERT_TRUE(from_grid.ok()) << from_grid.status();
  EXPECT_TRUE(at::equal(from_packed->z_NZ, sequence->z_NZ));
  EXPECT_EQ(from_packed->geometry, sequence->geometry);
  EXPECT_EQ(from_grid->geometry, sequence->geometry);
  const at::Tensor cells = sequence->row_N * 3 + sequence->col_N;
  EXPECT_TRUE(at::equal(from_grid->z_NZ.index_select(0, cells), sequence->z_NZ));
}

TEST(LatentFormTest, F23_TakesFloatTypesAndKnownLayoutsOnly) {
  v1::EncodeRequest request;
  EXPECT_EQ(ReadLatentForm(request, DType::kBfloat16)->dtype, DType::kBfloat16);
  request.set_latent_dtype(v1::DTYPE_FLOAT16);
  EXPECT_EQ(ReadLatentForm(request, DType::kBfloat16)->dtype, DType::kFloat16);
  request.set_latent_dtype(v1::DTYPE_INT32);
  EXPECT_EQ(BlamedField(ReadLatentForm(request, DType::kFloat32).status()), "latent_dtype");
  request.set_latent_dtype(v1::DTYPE_FLOAT32);
  request.set_latent_layout(static_cast<v1::LatentLayout>(9));
  EXPECT_EQ(BlamedField(ReadLatentForm(request, DType::kFloat32).status()), "latent_layout");
}

TEST_F(LatentInputTest, TakesPaddingTokensOnlyFromModelsThatAttendToThem) {
  latents_.set_grid_rows(2);
  latents_.set_grid_cols(2);
  UseIndices({0, 0, 1, 1, 0, 0}, {0, 1, 0, 1, 0, 0});
  EXPECT_THAT(Error(), HasSubstr("latents[0]"));
  model_.attend_padding_to = 6;
  const absl::StatusOr<LatentSequence> padded = Read();
  ASSERT_TRUE(padded.ok()) << padded.status();
  EXPECT_EQ(padded->z_NZ.size(0), 6);
  EXPECT_EQ(padded->geometry, (ImageGeometry{32, 32, 2, 2}));

  v1::Latents grid;
  WriteLatents(*padded, {DType::kFloat32, v1::LATENT_LAYOUT_GRID}, &grid);
  EXPECT_THAT(grid.z().shape(), ::testing::ElementsAre(kChannels, 2, 2));

  UseIndices({0, 0, 1, 1, 0, 1}, {0, 1, 0, 1, 0, 0});
  EXPECT_THAT(Error(), HasSubstr("2 padding tokens after the 4 of the grid; 1 have others"));
}

}  // namespace
}  // namespace vitok
