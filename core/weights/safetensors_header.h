// The JSON header of a safetensors file.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/dtype.h"
#include "core/weights/safetensors.h"

namespace vitok {

// One tensor as the header declares it. Nothing is known yet about the data behind it.
struct HeaderEntry {
  std::string name;
  DType dtype = DType::kFloat32;
  std::vector<int64_t> shape;
  int64_t begin_byte = 0;  // within the data section; >= 0
  int64_t end_byte = 0;
};

struct SafetensorsHeader {
  std::vector<HeaderEntry> entries;  // in the order of the file; names are unique
  std::map<std::string, std::string> metadata;
};

// Parses the header's text strictly: exactly the fields dtype, shape and data_offsets, once each. INVALID_ARGUMENT
// names the tensor and what is wrong with it. Does not compare offsets with shapes: CheckLayout does.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view text);

// OK if each tensor's offsets span shape × dtype bytes and all of them together tile [0, data_bytes) without overlap
// or hole. INVALID_ARGUMENT names the tensor, the value and the bound.
absl::Status CheckLayout(const SafetensorsHeader& header, int64_t data_bytes);

// shape × dtype in bytes. INVALID_ARGUMENT for a negative dimension or a product that overflows.
absl::StatusOr<int64_t> TensorBytes(DType dtype, absl::Span<const int64_t> shape);

// The inverse of ParseSafetensorsHeader, offsets taken from the sizes of the views, without length field and padding.
// INVALID_ARGUMENT: text that is not UTF-8, a tensor named "__metadata__".
absl::StatusOr<std::string> SerializeSafetensorsHeader(const std::map<std::string, TensorView>& tensors,
                                                       const std::map<std::string, std::string>& metadata);

// `name` fit for a message whatever a file put into it: quoted, ASCII, shortened when long.
std::string QuotedName(std::string_view name);

}  // namespace vitok
