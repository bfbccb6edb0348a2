// Norms, rotary embedding and SwiGLU alone, and every intermediate of one small picture.
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <string>

#include "core/model/autoencoder_config.h"
#include "core/ops/layer_norm.h"
#include "core/ops/qk_norm_rope.h"
#include "core/ops/rms_norm.h"
#include "core/ops/rope2d.h"
#include "core/ops/swiglu.h"
#include "core/ops/varlen_attention.h"
#include "tests/golden/ae_case.h"
#include "tests/golden/ae_golden.h"
#include "tests/support/golden_file.h"
#include "tests/support/tensor_matchers.h"

namespace vitok::golden {
namespace {

using Json = nlohmann::json;

// One bfloat16 step of each value, relative 2^-8, beyond the float32 `noise` that the case states: what is nearly
// nothing once the mean is taken off is as inexact as the mean.
testing::AssertionResult WithinOneBf16Step(const at::Tensor& actual, const at::Tensor& expected, double noise) {
  const at::Tensor excess = (actual.to(at::kFloat) - expected).abs() - expected.abs() / 256 - noise;
  const double worst = excess.max().item<double>();
  if (worst <= 0) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "off by " << worst << " more than one bfloat16 step";
}

// Checks the steps of one tower against the trace, each from the trace's own input, so that the first step that differs
// is the one that fails.
class TowerTrace {
 public:
  TowerTrace(const Tensors& tensors, const Tensors& weights, std::string tower, std::string blocks, double tolerance)
      : tensors_(tensors),
        weights_(weights),
        tower_(std::move(tower)),
        blocks_(std::move(blocks)),
        tolerance_(tolerance) {}

  at::Tensor Get(const std::string& step) const { return tensors_.at(tower_ + "." + step)[0]; }

  void Expect(const at::Tensor& actual, const std::string& step) const {
    EXPECT_TRUE(IsNear(actual, Get(step), tolerance_)) << tower_ << "." << step;
  }

  at::Tensor Weight(int64_t block, const std::string& name) const {
    return weights_.at(blocks_ + "." + std::to_string(block) + "." + name);
  }

  void CheckBlock(int64_t block, int64_t heads, const at::Tensor& x_TW, const RopeTable& table) const {
    const std::string prefix = std::to_string(block) + ".";
    const int64_t tokens = x_TW.size(0);
    const at::Tensor h = RmsNorm(x_TW, Weight(block, "norm1.weight"));
    Expect(h, prefix + "h");
    const at::Tensor qkv = at::linear(Get(prefix + "h"), Weight(block, "attn.qkv_proj.weight"));
    Expect(qkv, prefix + "qkv");
    at::Tensor qkv_T3HD = Get(prefix + "qkv").clone().view({tokens, 3, heads, -1});
    Expect(RmsNorm(qkv_T3HD.select(1, 0), Weight(block, "attn.norm_q.weight")), prefix + "q_norm");
    Expect(RmsNorm(qkv_T3HD.select(1, 1), Weight(block, "attn.norm_k.weight")), prefix + "k_norm");
    QkNormRope(qkv_T3HD, Weight(block, "attn.norm_q.weight"), Weight(block, "attn.norm_k.weight"), table);
    Expect(qkv_T3HD.select(1, 0), prefix + "q_rot");
    Expect(qkv_T3HD.select(1, 1), prefix + "k_rot");
    at::Tensor attended = at::empty_like(qkv_T3HD.select(1, 0), at::MemoryFormat::Contiguous);
    VarlenAttentionInto(qkv_T3HD.select(1, 0), qkv_T3HD.select(1, 1), qkv_T3HD.select(1, 2), {.offsets = {0, tokens}},
                        attended);
    Expect(attended.flatten(1), prefix + "attn_heads");
    Expect(at::linear(Get(prefix + "attn_heads"), Weight(block, "attn.out_proj.weight")), prefix + "attn_out");
    Expect(at::linear(Get(prefix + "h"), Weight(block, "ffn.fc1.weight")), prefix + "fc1");
    Expect(at::linear(SwiGlu(Get(prefix + "fc1")), Weight(block, "ffn.fc2.weight")), prefix + "ffn");
    const at::Tensor sum = Get(prefix + "attn_out") + Get(prefix + "ffn");
    Expect(sum * Weight(block, "layer_scale.gamma"), prefix + "scaled");
    Expect(x_TW + Get(prefix + "scaled"), prefix + "out");
  }

  void Check(const at::Tensor& input, const std::string& embed, const TowerConfig& config, const at::Tensor& row,
             const at::Tensor& col) const {
    Expect(at::linear(input, weights_.at(embed + ".weight"), weights_.at(embed + ".bias")), "embed");
    const RopeTable table = MakeRopeTable(row, col, config.head_dim());
    Expect(table.cos_TF, "rope_cos");
    Expect(table.sin_TF, "rope_sin");
    at::Tensor x_TW = Get("embed");
    for (int64_t block = 0; block < config.depth; ++block) {
      CheckBlock(block, config.heads, x_TW, table);
      x_TW = Get(std::to_string(block) + ".out");
    }
  }

 private:
  const Tensors& tensors_;
  const Tensors& weights_;
  std::string tower_;
  std::string blocks_;
  double tolerance_;
};

}  // namespace

void CheckNorms(const ModelGoldens& goldens, const Json& entry) {
  const Tensors tensors = goldens.ReadTensors(entry);
  const Json json = goldens.Json(entry);
  const at::Tensor weight = tensors.at("weight");
  for (const auto& [name, tolerance] : json.at("tolerance_fp32").items()) {
    const std::string scale = name.substr(name.find('_') + 1);
    const at::Tensor x = tensors.at("x_" + scale);
    const bool rms = name.starts_with("rms_");
    const auto norm = [&](const at::Tensor& input) {
      return rms ? RmsNorm(input, weight.to(input.scalar_type())) : LayerNorm(input);
    };
    EXPECT_TRUE(IsNear(norm(x), tensors.at(name), tolerance.at("max_abs"))) << name;
    if (rms) {
      EXPECT_TRUE(IsNear(RmsNormReference(x, weight), tensors.at(name), tolerance.at("max_abs"))) << name;
    }
    const at::Tensor x16 = x.to(at::kBFloat16);
    const at::Tensor y16 = rms ? RmsNorm(x16, weight) : LayerNorm(x16);
    const double noise = json.at("noise").at(name).at("max_abs");
    EXPECT_TRUE(WithinOneBf16Step(y16, tensors.at(name + "_bf16"), noise)) << name;
  }
}

void CheckRope(const ModelGoldens& goldens, const Json& entry) {
  const Tensors tensors = goldens.ReadTensors(entry);
  const Json json = goldens.Json(entry);
  for (const Json& dim : json.at("head_dims")) {
    const std::string name = std::to_string(dim.get<int64_t>());
    const Json& tolerance = json.at("tolerance_fp32").at(name);
    const RopeTable table = MakeRopeTable(tensors.at("row_idx"), tensors.at("col_idx"), dim.get<int64_t>());
    EXPECT_TRUE(IsNear(table.cos_TF, tensors.at("cos_" + name), tolerance.at("table_max_abs"))) << name;
    EXPECT_TRUE(IsNear(table.sin_TF, tensors.at("sin_" + name), tolerance.at("table_max_abs"))) << name;
    const at::Tensor x = tensors.at("x_" + name)[0];
    EXPECT_TRUE(IsNear(ApplyRope(x, table), tensors.at("y_" + name)[0], tolerance.at("rotated_max_abs"))) << name;
    EXPECT_TRUE(
        IsNear(ApplyRope(x.to(at::kBFloat16), table), tensors.at("y_bf16_" + name)[0], tolerance.at("bf16_max_abs")))
        << name;
  }
}

void CheckSwiGlu(const ModelGoldens& goldens, const Json& entry) {
  const Tensors tensors = goldens.ReadTensors(entry);
  const Json json = goldens.Json(entry);
  const at::Tensor x = tensors.at("x").flatten(0, -2);
  const at::Tensor hidden = SwiGlu(at::linear(x, tensors.at("fc1.weight")));
  EXPECT_EQ(hidden.size(1), json.at("hidden").get<int64_t>());
  EXPECT_TRUE(IsNear(at::linear(hidden, tensors.at("fc2.weight")), tensors.at("y").flatten(0, -2),
                     json.at("tolerance_fp32").at("max_abs")));
}

void CheckTrace(const ModelGoldens& goldens, const Json& entry) {
  const c10::InferenceMode inference;
  const AeCase ae_case = ReadAeCase(goldens, entry);
  const Tensors tensors = ToDevice(ae_case.tensors, goldens.device);
  const auto config = AutoencoderConfig::FromVariant(ae_case.json.at("variant").get<std::string>());
  ASSERT_TRUE(config.ok()) << config.status();
  const double tolerance = ae_case.json.at("tolerance_fp32").at("max_abs");
  const std::filesystem::path model_folder = goldens.folder / ae_case.json.at("model").get<std::string>();
  const Tensors encoder_weights = ToDevice(ReadTensors(model_folder / "encoder.safetensors"), goldens.device);
  const Tensors decoder_weights = ToDevice(ReadTensors(model_folder / "decoder.safetensors"), goldens.device);
  const at::Tensor row = tensors.at("row_idx")[0];
  const at::Tensor col = tensors.at("col_idx")[0];

  const TowerTrace encoder(tensors, encoder_weights, "enc", "encoder_blocks", tolerance);
  encoder.Check(tensors.at("patches")[0], "patch_embed", config->encoder, row, col);
  const at::Tensor last = encoder.Get(std::to_string(config->encoder.depth - 1) + ".out");
  const at::Tensor code = at::linear(last, encoder_weights.at("to_code.weight"), encoder_weights.at("to_code.bias"));
  encoder.Expect(code, "code");
  const at::Tensor z = tensors.at("z")[0];
  EXPECT_TRUE(IsNear(LayerNorm(encoder.Get("code")), z, tolerance));

  const TowerTrace decoder(tensors, decoder_weights, "dec", "decoder_blocks", tolerance);
  decoder.Check(z, "decoder_embed", config->decoder, row, col);

  const auto model = LoadModel(goldens, ae_case.json, at::kFloat);
  ASSERT_TRUE(model.ok()) << model.status();
  const PackedLatents latents = model->Encode(PackCasePatches(ae_case, *model));
  EXPECT_TRUE(IsNear(latents.z_TZ, z, tolerance));
  EXPECT_TRUE(IsNear(model->Decode(latents).patches_TD, tensors.at("decoded")[0], tolerance));
}

}  // namespace vitok::golden
