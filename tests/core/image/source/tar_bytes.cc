#include "tests/core/image/source/tar_bytes.h"

#include <filesystem>
#include <fstream>

#include "absl/strings/str_format.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

constexpr size_t kBlockBytes = 512;

std::string Padded(std::string bytes) {
  bytes.resize((bytes.size() + kBlockBytes - 1) / kBlockBytes * kBlockBytes);
  return bytes;
}

// Octal as tar has it; sizes beyond 33 bits as GNU has them.
std::string SizeField(int64_t bytes) {
  if (bytes < int64_t{1} << 33) return absl::StrFormat("%011o", bytes) + std::string(1, '\0');
  std::string field(12, '\0');
  field[0] = '\x80';
  for (int i = 0; i < 8; ++i) field[11 - i] = static_cast<char>(bytes >> 8 * i);
  return field;
}

}  // namespace

std::string MakeTarMember(const TarEntry& entry) {
  std::string header(kBlockBytes, '\0');
  const auto put = [&](size_t at, const std::string& text) { header.replace(at, text.size(), text); };
  put(0, entry.name.substr(0, 100));
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  put(124, SizeField(entry.stated_bytes < 0 ? static_cast<int64_t>(entry.data.size()) : entry.stated_bytes));
  put(136, "00000000000");
  put(148, "        ");
  put(156, std::string(1, entry.type));
  put(157, entry.link);
  put(257, std::string("ustar\0", 6) + "00");
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(148, absl::StrFormat("%06o", sum) + std::string(1, '\0') + " ");
  return header + Padded(entry.data);
}

std::string TarEnd() { return std::string(2 * kBlockBytes, '\0'); }

std::string MakeGnuLongMember(const std::string& name, const std::string& data) {
  return MakeTarMember({.name = "././@LongLink", .data = name + std::string(1, '\0'), .type = 'L'}) +
         MakeTarMember({.name = name.substr(0, 100), .data = data});
}

std::string MakePaxMember(const std::string& name, const std::string& data) {
  const std::string body = " path=" + name + "\n";
  size_t length = body.size() + 1;
  while (StrCat(length).size() + body.size() != length) ++length;
  return MakeTarMember({.name = "PaxHeaders/x", .data = StrCat(length) + body, .type = 'x'}) +
         MakeTarMember({.name = "short", .data = data});
}

std::string WriteBytes(const std::string& path, const std::string& bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

}  // namespace vitok
