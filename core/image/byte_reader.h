// Bounds-checked reading of integers from file bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace vitok {

// Every read returns nullopt when it would pass the end of the bytes. Offsets are 64-bit: sums of 32-bit fields of a
// hostile file do not wrap.
class ByteReader {
 public:
  enum class Order { kLittleEndian, kBigEndian };

  ByteReader(std::string_view bytes, Order order) : bytes_(bytes), order_(order) {}

  std::optional<uint32_t> U8(uint64_t offset) const { return Read(offset, 1); }
  std::optional<uint32_t> U16(uint64_t offset) const { return Read(offset, 2); }
  std::optional<uint32_t> U24(uint64_t offset) const { return Read(offset, 3); }
  std::optional<uint32_t> U32(uint64_t offset) const { return Read(offset, 4); }

  // The `size` bytes at `offset`, or nullopt.
  std::optional<std::string_view> Slice(uint64_t offset, uint64_t size) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset) return std::nullopt;
    return bytes_.substr(offset, size);
  }

  uint64_t size() const { return bytes_.size(); }

 private:
  std::optional<uint32_t> Read(uint64_t offset, int size) const {
    const std::optional<std::string_view> slice = Slice(offset, size);
    if (!slice.has_value()) return std::nullopt;
    uint32_t value = 0;
    for (int i = 0; i < size; ++i) {
      const auto byte = static_cast<uint8_t>((*slice)[order_ == Order::kBigEndian ? i : size - 1 - i]);
      value = value << 8 | byte;
    }
    return value;
  }

  std::string_view bytes_;
  Order order_;
};

}  // namespace vitok
