// Damaged files: whatever a byte becomes, parsing either succeeds with views inside the file or fails with a status.
// Run under AddressSanitizer (preset cpu-asan), where a view outside the file is an error by itself.
#include <gtest/gtest.h>

#include <random>

#include "core/weights/safetensors.h"
#include "tests/core/weights/safetensors_bytes.h"

namespace vitok {
namespace {

std::string SoundFile() {
  return FileBytes(
      R"({"__metadata__":{"k":"v\u00e9"},"a.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
      R"("b":{"dtype":"BF16","shape":[],"data_offsets":[24,26]},"c":{"dtype":"I64","shape":[0],"data_offsets":[26,26]}})",
      "0123456789abcdefghijklmnop");
}

// Reads every byte that a parsed file offers; returns whether it parsed.
bool ParsesSafely(const std::string& bytes) {
  // A copy of the exact size, so that the sanitizer sees reads past the end.
  const std::vector<char> exact(bytes.begin(), bytes.end());
  const std::string_view view(exact.data(), exact.size());
  const auto file = SafetensorsFile::Parse(view, "fuzz");
  if (!file.ok()) {
    EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_FALSE(file.status().message().empty());
    return false;
  }
  size_t sum = 0;
  for (const auto& [name, tensor] : (*file)->tensors()) {
    int64_t bytes_needed = SizeInBytes(tensor.dtype);
    for (const int64_t size : tensor.shape) bytes_needed *= size;
    EXPECT_EQ(static_cast<int64_t>(tensor.bytes.size()), bytes_needed) << name;
    for (const char byte : tensor.bytes) sum += static_cast<unsigned char>(byte);
  }
  EXPECT_GE(sum, 0);
  return true;
}

TEST(SafetensorsFuzzTest, SurvivesEveryValueOfEveryByte) {
  const std::string sound = SoundFile();
  ASSERT_TRUE(ParsesSafely(sound));
  const size_t prefix_bytes = sound.size() - 26;
  int parsed = 0, refused = 0;
  for (size_t i = 0; i < prefix_bytes; ++i) {
    for (int value = 0; value < 256; ++value) {
      std::string damaged = sound;
      damaged[i] = static_cast<char>(value);
      (ParsesSafely(damaged) ? parsed : refused)++;
    }
  }
  EXPECT_GT(parsed, 0);
  EXPECT_GT(refused, parsed);
}

TEST(SafetensorsFuzzTest, RefusesEveryTruncation) {
  const std::string sound = SoundFile();
  for (size_t size = 0; size < sound.size(); ++size) {
    EXPECT_FALSE(ParsesSafely(sound.substr(0, size))) << size << " bytes";
  }
}

TEST(SafetensorsFuzzTest, SurvivesRandomEdits) {
  const std::string sound = SoundFile();
  std::mt19937 random(20261123);
  const auto below = [&random](size_t bound) { return random() % bound; };
  for (int round = 0; round < 20'000; ++round) {
    std::string damaged = sound;
    for (size_t edit = 0; edit <= below(3); ++edit) {
      const size_t at = below(damaged.size());
      const size_t length = below(12);
      switch (below(3)) {
        case 0: damaged.erase(at, length); break;
        case 1: damaged.insert(at, sound.substr(below(sound.size()), length)); break;
        default: damaged[at] = static_cast<char>(random()); break;
      }
      if (damaged.size() < 9) damaged = sound;
      // A length field that still matches leads the edits into the header's text.
      if (below(2) == 0) {
        const uint64_t header_bytes = damaged.rfind('}') == std::string::npos ? 0 : damaged.rfind('}') - 7;
        std::memcpy(damaged.data(), &header_bytes, sizeof(header_bytes));
      }
    }
    ParsesSafely(damaged);
  }
}

}  // namespace
}  // namespace vitok
