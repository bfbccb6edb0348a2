// Safetensors files in memory, well-formed or not.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace vitok {

// The bytes of a file with this header text and data, the length field included.
inline std::string FileBytes(std::string_view header, std::string_view data) {
  const uint64_t header_bytes = header.size();
  std::string file(sizeof(header_bytes), '\0');
  std::memcpy(file.data(), &header_bytes, sizeof(header_bytes));
  return file.append(header).append(data);
}

}  // namespace vitok
