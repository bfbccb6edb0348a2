#include "core/base/precision.h"

#include <array>

namespace vitok {
namespace {

struct PrecisionRow {
  Precision precision;
  std::string_view name;
  DType storage;
};

constexpr std::array<PrecisionRow, 3> kPrecisions = {{
    {Precision::kFloat32, "float32", DType::kFloat32},
    {Precision::kBfloat16, "bfloat16", DType::kBfloat16},
    {Precision::kFp8, "fp8", DType::kBfloat16},
}};

const PrecisionRow& Row(Precision precision) { return kPrecisions[static_cast<size_t>(precision)]; }

}  // namespace

std::string_view PrecisionName(Precision precision) { return Row(precision).name; }

std::optional<Precision> ParsePrecision(std::string_view name) {
  if (name == "fp8") return Precision::kFp8;
  const std::optional<DType> dtype = ParseDType(name);
  if (dtype == DType::kFloat32) return Precision::kFloat32;
  if (dtype == DType::kBfloat16) return Precision::kBfloat16;
  return std::nullopt;
}

DType StorageDType(Precision precision) { return Row(precision).storage; }

}  // namespace vitok
