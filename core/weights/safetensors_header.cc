#include "core/weights/safetensors_header.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/weights/header_reader.h"

namespace vitok {

std::string QuotedName(std::string_view name) {
  constexpr size_t kMaxShownBytes = 160;
  if (name.size() <= kMaxShownBytes) return StrCat("'", absl::CHexEscape(ToAbsl(name)), "'");
  return StrCat("'", absl::CHexEscape(ToAbsl(name.substr(0, kMaxShownBytes))), "...'");
}

absl::StatusOr<int64_t> TensorBytes(DType dtype, absl::Span<const int64_t> shape) {
  int64_t bytes = SizeInBytes(dtype);
  for (const int64_t size : shape) {
    if (size < 0) return absl::InvalidArgumentError(StrCat("dimensions must not be negative; was ", size));
    if (__builtin_mul_overflow(bytes, size, &bytes)) {
      return absl::InvalidArgumentError(
          StrCat("the size of shape [", absl::StrJoin(shape, ", "), "] overflows 64 bits"));
    }
  }
  return bytes;
}

absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view text) {
  // The JSON parser takes a byte order mark before the text and a zero byte for its end; the format allows neither.
  if (text.empty() || text.front() != '{') return absl::InvalidArgumentError("header must begin with '{'");
  if (text.find('\0') != std::string_view::npos) return absl::InvalidArgumentError("header holds a zero byte");
  HeaderReader reader;
  if (!nlohmann::json::sax_parse(text, &reader)) return absl::InvalidArgumentError(reader.error());
  return std::move(reader).header();
}

absl::Status CheckLayout(const SafetensorsHeader& header, int64_t data_bytes) {
  std::vector<const HeaderEntry*> by_offset;
  by_offset.reserve(header.entries.size());
  for (const HeaderEntry& entry : header.entries) {
    const std::string tensor = StrCat("tensor ", QuotedName(entry.name), ": ");
    if (entry.end_byte < entry.begin_byte) {
      return absl::InvalidArgumentError(
          StrCat(tensor, "data_offsets must not be reversed; were [", entry.begin_byte, ", ", entry.end_byte, "]"));
    }
    if (entry.end_byte > data_bytes) {
      return absl::InvalidArgumentError(StrCat(tensor, "data_offsets must end within the file's ", data_bytes,
                                               " data bytes; end was ", entry.end_byte));
    }
    const absl::StatusOr<int64_t> bytes = TensorBytes(entry.dtype, entry.shape);
    if (!bytes.ok()) return absl::InvalidArgumentError(StrCat(tensor, bytes.status().message()));
    if (entry.end_byte - entry.begin_byte != *bytes) {
      return absl::InvalidArgumentError(StrCat(tensor, "shape [", absl::StrJoin(entry.shape, ", "), "] of ",
                                               DTypeName(entry.dtype), " needs ", *bytes, " bytes; data_offsets span ",
                                               entry.end_byte - entry.begin_byte));
    }
    by_offset.push_back(&entry);
  }
  std::sort(by_offset.begin(), by_offset.end(), [](const HeaderEntry* a, const HeaderEntry* b) {
    return std::pair(a->begin_byte, a->end_byte) < std::pair(b->begin_byte, b->end_byte);
  });
  int64_t filled_bytes = 0;
  for (const HeaderEntry* entry : by_offset) {
    if (entry->begin_byte != filled_bytes) {
      return absl::InvalidArgumentError(StrCat("tensor ", QuotedName(entry->name), ": data must begin at byte ",
                                               filled_bytes, ", where the data before it ends; began at ",
                                               entry->begin_byte));
    }
    filled_bytes = entry->end_byte;
  }
  if (filled_bytes != data_bytes) {
    return absl::InvalidArgumentError(
        StrCat("the tensors must fill the data section of ", data_bytes, " bytes; they fill ", filled_bytes));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> SerializeSafetensorsHeader(const std::map<std::string, TensorView>& tensors,
                                                       const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header[kMetadataKey] = metadata;
  int64_t offset = 0;
  for (const auto& [name, view] : tensors) {
    if (name == kMetadataKey) return absl::InvalidArgumentError("no tensor may be named '__metadata__'");
    const int64_t end = offset + static_cast<int64_t>(view.bytes.size());
    header[name] = {
        {"dtype", SafetensorsDTypeName(view.dtype)}, {"shape", view.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  try {
    return header.dump();
  } catch (const nlohmann::json::type_error&) {
    return absl::InvalidArgumentError("tensor names and metadata must be UTF-8");
  }
}

}  // namespace vitok
