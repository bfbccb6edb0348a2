#include "core/weights/header_reader.h"

#include <array>
#include <limits>
#include <utility>

#include "absl/strings/escaping.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

// Indexed by DType.
constexpr std::array<std::string_view, 7> kDTypeNames = {"BOOL", "U8", "I32", "I64", "F16", "BF16", "F32"};

}  // namespace

std::string_view SafetensorsDTypeName(DType dtype) { return kDTypeNames[static_cast<size_t>(dtype)]; }

std::optional<DType> ParseSafetensorsDType(std::string_view name) {
  for (size_t i = 0; i < kDTypeNames.size(); ++i) {
    if (kDTypeNames[i] == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

bool HeaderReader::null() { return FailUnexpected("null"); }

bool HeaderReader::boolean(bool value) { return FailUnexpected(value ? "true" : "false"); }

bool HeaderReader::number_integer(int64_t value) {
  // The parser reports whole numbers >= 0 as unsigned.
  if (expect_ == Expect::kDimension) return Fail(StrCat("dimensions must not be negative; was ", value));
  if (expect_ == Expect::kOffset) return Fail(StrCat("data_offsets must not be negative; was ", value));
  return FailUnexpected("a number");
}

bool HeaderReader::number_unsigned(uint64_t value) {
  if (expect_ != Expect::kDimension && expect_ != Expect::kOffset) return FailUnexpected("a number");
  if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return Fail(
        StrCat(expect_ == Expect::kDimension ? "dimensions" : "data_offsets", " must be below 2^63; was ", value));
  }
  const auto number = static_cast<int64_t>(value);
  if (expect_ == Expect::kDimension) {
    entry_.shape.push_back(number);
    return true;
  }
  if (offsets_read_ == 2) return Fail("data_offsets must hold two numbers; held more");
  (offsets_read_ == 0 ? entry_.begin_byte : entry_.end_byte) = number;
  ++offsets_read_;
  return true;
}

bool HeaderReader::number_float(double value, const std::string& text) {
  return FailUnexpected("a number that is not whole");
}

bool HeaderReader::string(std::string& value) {
  switch (expect_) {
    case Expect::kDType: {
      const std::optional<DType> dtype = ParseSafetensorsDType(value);
      if (!dtype) {
        return Fail(StrCat("dtype must be one of BOOL, U8, I32, I64, F16, BF16, F32; was ", QuotedName(value)));
      }
      entry_.dtype = *dtype;
      expect_ = Expect::kField;
      return true;
    }
    case Expect::kMetadataValue:
      header_.metadata[metadata_name_] = std::move(value);
      expect_ = Expect::kMetadataName;
      return true;
    default: return FailUnexpected("a string");
  }
}

bool HeaderReader::binary(nlohmann::json::binary_t& value) { return FailUnexpected("binary data"); }

bool HeaderReader::start_object(size_t elements) {
  switch (expect_) {
    case Expect::kTop: expect_ = Expect::kName; return true;
    case Expect::kTensor: expect_ = Expect::kField; return true;
    case Expect::kMetadata: expect_ = Expect::kMetadataName; return true;
    default: return FailUnexpected("an object");
  }
}

bool HeaderReader::key(std::string& name) {
  switch (expect_) {
    case Expect::kName:
      entry_ = HeaderEntry();
      entry_.name = name;
      fields_.clear();
      offsets_read_ = 0;
      if (!names_.insert(name).second) return Fail("the name occurs twice");
      expect_ = name == kMetadataKey ? Expect::kMetadata : Expect::kTensor;
      return true;
    case Expect::kField:
      if (!fields_.insert(name).second) return Fail(StrCat("field ", QuotedName(name), " occurs twice"));
      if (name == "dtype") {
        expect_ = Expect::kDType;
      } else if (name == "shape") {
        expect_ = Expect::kShape;
      } else if (name == "data_offsets") {
        expect_ = Expect::kOffsets;
      } else {
        return Fail(StrCat("fields must be dtype, shape and data_offsets; found ", QuotedName(name)));
      }
      return true;
    case Expect::kMetadataName:
      if (header_.metadata.count(name) > 0) return Fail(StrCat("key ", QuotedName(name), " occurs twice"));
      metadata_name_ = name;
      expect_ = Expect::kMetadataValue;
      return true;
    default: return FailUnexpected("an object's key");
  }
}

bool HeaderReader::end_object() {
  switch (expect_) {
    case Expect::kName: expect_ = Expect::kEnd; return true;
    case Expect::kField: return FinishTensor();
    case Expect::kMetadataName: expect_ = Expect::kName; return true;
    default: return FailUnexpected("the end of an object");
  }
}

bool HeaderReader::start_array(size_t elements) {
  switch (expect_) {
    case Expect::kShape: expect_ = Expect::kDimension; return true;
    case Expect::kOffsets: expect_ = Expect::kOffset; return true;
    default: return FailUnexpected("a list");
  }
}

bool HeaderReader::end_array() {
  if (expect_ == Expect::kOffset && offsets_read_ != 2) {
    return Fail(StrCat("data_offsets must hold two numbers; held ", offsets_read_));
  }
  expect_ = Expect::kField;
  return true;
}

bool HeaderReader::parse_error(size_t position, const std::string& last_token, const nlohmann::json::exception& error) {
  // The exception's text repeats the last token, which may be as long as the header.
  error_ = StrCat("header is not valid JSON at byte ", position, ", near ", QuotedName(last_token));
  return false;
}

bool HeaderReader::Fail(std::string reason) {
  const std::string_view what = entry_.name == kMetadataKey ? "header entry " : "tensor ";
  error_ =
      entry_.name.empty() && names_.empty() ? std::move(reason) : StrCat(what, QuotedName(entry_.name), ": ", reason);
  return false;
}

bool HeaderReader::FailUnexpected(std::string_view got) {
  std::string_view wanted;
  switch (expect_) {
    case Expect::kTop:
    case Expect::kEnd: wanted = "the header must be one object"; break;
    case Expect::kName:
    case Expect::kTensor: wanted = "a tensor must be described by an object"; break;
    case Expect::kField: wanted = "a field's name must follow"; break;
    case Expect::kDType: wanted = "dtype must be a string"; break;
    case Expect::kShape:
    case Expect::kDimension: wanted = "shape must be a list of whole numbers"; break;
    case Expect::kOffsets:
    case Expect::kOffset: wanted = "data_offsets must be a list of two whole numbers"; break;
    case Expect::kMetadata:
    case Expect::kMetadataName:
    case Expect::kMetadataValue: wanted = "must be an object of strings"; break;
  }
  return Fail(StrCat(wanted, "; found ", got));
}

bool HeaderReader::FinishTensor() {
  for (const char* field : {"dtype", "shape", "data_offsets"}) {
    if (fields_.count(field) == 0) return Fail(StrCat("field '", field, "' is missing"));
  }
  header_.entries.push_back(std::move(entry_));
  entry_ = HeaderEntry();
  expect_ = Expect::kName;
  return true;
}

}  // namespace vitok
