// Latents of a request (server/latent_input.h), as a v1::Latents. Promises: latents have as many tokens as were counted
// before they were read; what reaches a model is what models take; what is read and written again in either layout is
// read as the same; a refusal blames a field of the request.
#include "core/base/tensor_check.h"
#include "server/latent_input.h"
#include "server/latent_output.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/sequence_checks.h"
#include "tests/server/proto_tensors.h"

namespace vitok {
namespace {

constexpr std::string_view kField = "latents[0]";
constexpr int64_t kMaxTokens = 1024;

void RequireBlame(const absl::Status& status) {
  RequireRefusal(status);
  Require(BlamedField(status).starts_with(kField), "a refusal blames the latents");
}

// NaN equals nothing: bytes are compared.
std::string Bytes(const at::Tensor& values) {
  const at::Tensor contiguous = values.contiguous();
  return {static_cast<const char*>(contiguous.const_data_ptr()), contiguous.nbytes()};
}

void CheckWriting(const LatentSequence& latents, v1::LatentLayout layout, const TokenizerInfo& model) {
  v1::Latents message;
  const grpc::Slice z =
      WriteLatents(latents, {.dtype = FromScalarType(latents.z_NZ.scalar_type()), .layout = layout}, &message).bytes;
  message.mutable_z()->set_data(z.begin(), z.size());
  const absl::StatusOr<LatentSequence> again = ReadLatents(kField, message, model, /*allow_nonfinite=*/true);
  RequireOk(again.status(), "what is written can be read");
  Require(again->geometry == latents.geometry, "the geometry survives writing");
  if (layout == v1::LATENT_LAYOUT_PACKED) {
    Require(Bytes(again->z_NZ) == Bytes(latents.z_NZ), "latents survive writing");
    Require(at::equal(again->row_N, latents.row_N) && at::equal(again->col_N, latents.col_N),
            "positions survive writing");
  }
}

void CheckReading(const v1::Latents& message, const TokenizerInfo& model, bool allow_nonfinite) {
  const absl::StatusOr<int64_t> tokens = CountLatentTokens(kField, message, kMaxTokens);
  if (!tokens.ok()) {
    RequireBlame(tokens.status());
    return;
  }
  Require(*tokens > 0 && *tokens <= kMaxTokens, "latents are within their limit");
  const absl::StatusOr<LatentSequence> latents = ReadLatents(kField, message, model, allow_nonfinite);
  if (!latents.ok()) {
    RequireBlame(latents.status());
    return;
  }
  CheckLatentSequence(*latents, model, allow_nonfinite);
  Require(latents->z_NZ.size(0) == *tokens, "latents have the tokens that were counted");
  CheckWriting(*latents, v1::LATENT_LAYOUT_PACKED, model);
  CheckWriting(*latents, v1::LATENT_LAYOUT_GRID, model);
}

void Run(std::string_view input) {
  const std::optional<v1::Latents> message = ParseMessage<v1::Latents>(input);
  if (!message.has_value()) return;
  static const TokenizerInfo plain = FakeModelInfo();
  static const TokenizerInfo padding = [] {
    TokenizerInfo info = FakeModelInfo();
    info.attend_padding_to = 8;
    return info;
  }();
  CheckReading(*message, plain, /*allow_nonfinite=*/false);
  CheckReading(*message, padding, /*allow_nonfinite=*/true);
}

std::vector<std::string> Seeds() {
  const auto floats = [](std::initializer_list<int64_t> shape, int64_t count) {
    return ProtoTensor(v1::DTYPE_FLOAT32, shape, std::string(count * 4, '\x3c'));
  };
  v1::Latents packed;
  *packed.mutable_z() = floats({6, 12}, 72);
  *packed.mutable_row_idx() = ProtoIndices({0, 0, 0, 1, 1, 1});
  *packed.mutable_col_idx() = ProtoLongIndices({2, 0, 1, 0, 2, 1});
  packed.set_height_px(3);
  packed.set_width_px(6);
  v1::Latents grid;
  *grid.mutable_z() = floats({12, 2, 3}, 72);
  v1::Latents raster;
  *raster.mutable_z() = ProtoTensor(v1::DTYPE_BFLOAT16, {6, 12}, std::string(144, '\x3c'));
  raster.set_grid_rows(3);
  raster.set_grid_cols(2);
  v1::Latents padded;
  *padded.mutable_z() = floats({8, 12}, 96);
  *padded.mutable_row_idx() = ProtoIndices({0, 0, 0, 1, 1, 1, 0, 0});
  *padded.mutable_col_idx() = ProtoIndices({0, 1, 2, 0, 1, 2, 0, 0});
  padded.set_grid_rows(2);
  padded.set_grid_cols(3);
  return {packed.SerializeAsString(), grid.SerializeAsString(), raster.SerializeAsString(), padded.SerializeAsString()};
}

const bool registered = RegisterFuzzTarget({.name = "latents", .run = &Run, .seeds = &Seeds});

}  // namespace
}  // namespace vitok
