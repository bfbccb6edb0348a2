// Element types of tensors that cross a file or network boundary. Free of torch, so that the client can use it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace vitok {

enum class DType : uint8_t { kBool, kUint8, kInt32, kInt64, kFloat16, kBfloat16, kFloat32 };

// Bytes of one element: 1, 1, 4, 8, 2, 2, 4.
int64_t SizeInBytes(DType dtype);

// Lower-case name as used in configs and messages: "bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32".
std::string_view DTypeName(DType dtype);

// The inverse of DTypeName; also takes the short forms "u8", "i32", "i64", "fp16", "bf16", "fp32". Anything else:
// nullopt.
std::optional<DType> ParseDType(std::string_view name);

}  // namespace vitok
