// Safetensors files (core/weights/safetensors.h), as weights and as latents of a client. Promises: every view lies in
// the file and has as many bytes as its shape says; what parses equals itself when written and parsed again; the shape
// of a model is read from it or refused, and never by a crash.
#include <cstring>

#include "core/base/str_cat.h"
#include "core/model/infer_config.h"
#include "core/weights/safetensors.h"
#include "core/weights/safetensors_header.h"
#include "core/weights/weight_shapes.h"
#include "tests/core/weights/safetensors_bytes.h"
#include "tests/fuzz/fuzz_target.h"

namespace vitok {
namespace {

constexpr size_t kLengthBytes = 8;

void CheckViews(const SafetensorsFile& file, std::string_view input) {
  size_t bytes = 0;
  for (const auto& [name, view] : file.tensors()) {
    const absl::StatusOr<int64_t> needed = TensorBytes(view.dtype, view.shape);
    RequireOk(needed.status(), "a shape that parsed has a size");
    Require(static_cast<size_t>(*needed) == view.bytes.size(), "a view has the bytes of its shape");
    Require(view.bytes.empty() || (view.bytes.data() >= input.data() &&
                                   view.bytes.data() + view.bytes.size() <= input.data() + input.size()),
            "a view lies in its file");
    Require(file.Find(name).ok(), "a tensor is found by its name");
    bytes += view.bytes.size();
  }
  Require(kLengthBytes + bytes <= input.size(), "views do not overlap");
}

void CheckRewriting(const SafetensorsFile& file) {
  const absl::StatusOr<std::string> written = SerializeSafetensors(file.tensors(), file.metadata());
  RequireOk(written.status(), "what parses can be written");
  const auto again = SafetensorsFile::Parse(*written, "again");
  RequireOk(again.status(), "what is written parses");
  Require((*again)->metadata() == file.metadata(), "metadata survives writing");
  Require((*again)->tensors().size() == file.tensors().size(), "all tensors survive writing");
  for (const auto& [name, view] : file.tensors()) {
    const absl::StatusOr<TensorView> other = (*again)->Find(name);
    RequireOk(other.status(), "a tensor survives writing");
    Require(other->dtype == view.dtype && other->shape == view.shape && other->bytes == view.bytes,
            "a tensor is the same after writing");
  }
}

void CheckAsModel(const SafetensorsFile& file) {
  const SafetensorsFile* const files[] = {&file};
  const absl::StatusOr<ShapeMap> shapes = ReadShapes(files);
  if (!shapes.ok()) {
    RequireRefusal(shapes.status());
    return;
  }
  const absl::StatusOr<AutoencoderConfig> config = InferConfig(*shapes);
  if (!config.ok()) {
    RequireRefusal(config.status());
    return;
  }
  if (const absl::Status buildable = config->CheckBuildable(); !buildable.ok()) RequireRefusal(buildable);
  Require(!config->Describe().empty(), "a model has a description");
}

void Run(std::string_view input) {
  const auto file = SafetensorsFile::Parse(input, "fuzz");
  if (!file.ok()) {
    RequireRefusal(file.status());
    return;
  }
  CheckViews(**file, input);
  CheckRewriting(**file);
  CheckAsModel(**file);
}

// A length field that fits leads mutations into the header's text.
void Repair(std::string& input) {
  const size_t end = input.rfind('}');
  if (input.size() < kLengthBytes || end == std::string::npos || end < kLengthBytes) return;
  const uint64_t header_bytes = end + 1 - kLengthBytes;
  std::memcpy(input.data(), &header_bytes, kLengthBytes);
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds = {
      FileBytes("{}", ""),
      FileBytes(
          R"({"__metadata__":{"k":"v\u00e9"},"a.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
          R"("b":{"dtype":"BF16","shape":[],"data_offsets":[24,26]},"c":{"dtype":"I64","shape":[0],"data_offsets":[26,26]}})",
          "0123456789abcdefghijklmnop"),
      FileBytes(R"({"patch_embed.weight":{"dtype":"U8","shape":[4,3],"data_offsets":[0,12]},)"
                R"("encoder.0.attn.norm_q.weight":{"dtype":"U8","shape":[4],"data_offsets":[12,16]},)"
                R"("_orig_mod.encoder_blocks.0.ffn.fc2.weight":{"dtype":"U8","shape":[4,2],"data_offsets":[16,24]},)"
                R"("to_code.weight":{"dtype":"U8","shape":[2,4],"data_offsets":[24,32]}})",
                "0123456789abcdef0123456789abcdef")};
  for (const std::string name : {"postprocess_0_255_to_0_255", "postprocess_rounding", "center_crop_06_tiny_18"}) {
    seeds.push_back(ReadFuzzFile(StrCat("tests/golden/data/pp/cases/", name, ".safetensors")));
  }
  // The header of a whole model, with sizes that fit no data: large, and refused late.
  const std::string model = ReadFuzzFile("models/tiny-f16x64/encoder.safetensors");
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, model.data(), kLengthBytes);
  seeds.push_back(model.substr(0, kLengthBytes + header_bytes));
  return seeds;
}

const bool registered = RegisterFuzzTarget({.name = "safetensors", .run = &Run, .seeds = &Seeds, .repair = &Repair});

}  // namespace
}  // namespace vitok
