// Streaming reader of a safetensors header. A header may hold 100 MB of text: no JSON tree is built from it.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "core/base/dtype.h"
#include "core/weights/safetensors_header.h"

namespace vitok {

// The key of the header's only member that is no tensor.
inline constexpr std::string_view kMetadataKey = "__metadata__";

// The names that the format gives to element types: "BOOL", "U8", "I32", "I64", "F16", "BF16", "F32".
std::string_view SafetensorsDTypeName(DType dtype);
std::optional<DType> ParseSafetensorsDType(std::string_view name);

// Takes the events of nlohmann::json::sax_parse. Any event that the format does not foresee ends the parse with an
// error.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override;
  bool boolean(bool value) override;
  bool number_integer(int64_t value) override;
  bool number_unsigned(uint64_t value) override;
  bool number_float(double value, const std::string& text) override;
  bool string(std::string& value) override;
  bool binary(nlohmann::json::binary_t& value) override;
  bool start_object(size_t elements) override;
  bool key(std::string& name) override;
  bool end_object() override;
  bool start_array(size_t elements) override;
  bool end_array() override;
  bool parse_error(size_t position, const std::string& last_token, const nlohmann::json::exception& error) override;

  // After a parse that failed: what is wrong.
  const std::string& error() const { return error_; }
  // After a parse that succeeded.
  SafetensorsHeader header() && { return std::move(header_); }

 private:
  // What must come next.
  enum class Expect {
    kTop,            // '{' of the header
    kName,           // a tensor's name, or the header's '}'
    kTensor,         // '{' of a tensor
    kField,          // a field's name, or the tensor's '}'
    kDType,          // a string
    kShape,          // '['
    kDimension,      // a number, or ']'
    kOffsets,        // '['
    kOffset,         // a number, or ']'
    kMetadata,       // '{' of the metadata
    kMetadataName,   // a string, or the metadata's '}'
    kMetadataValue,  // a string
    kEnd,
  };

  bool Fail(std::string reason);
  bool FailUnexpected(std::string_view got);
  bool FinishTensor();

  SafetensorsHeader header_;
  std::set<std::string> names_;
  std::set<std::string> fields_;  // of the tensor being read
  HeaderEntry entry_;
  int offsets_read_ = 0;
  std::string metadata_name_;
  Expect expect_ = Expect::kTop;
  std::string error_;
};

}  // namespace vitok
