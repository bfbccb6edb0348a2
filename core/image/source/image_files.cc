#include "core/image/source/image_files.h"

#include <algorithm>
#include <filesystem>

#include "core/base/str_cat.h"
#include "core/image/source/sample_rules.h"

namespace vitok {
namespace {

namespace fs = std::filesystem;

// A slash sorts before every other byte, so that whole components are compared.
bool ByComponents(const std::string& a, const std::string& b) {
  return std::ranges::lexicographical_compare(a, b, [](char x, char y) {
    if (x == '/' || y == '/') return x == '/' && y != '/';
    return static_cast<unsigned char>(x) < static_cast<unsigned char>(y);
  });
}

}  // namespace

bool IsImageFolder(const std::string& folder) {
  bool has_pictures = false;
  std::error_code error;
  for (fs::directory_iterator i(folder, error), end; !error && i != end; i.increment(error)) {
    const std::string name = i->path().filename().string();
    std::error_code no_file;
    if (!i->is_regular_file(no_file)) continue;
    if (name.ends_with(".tar")) return false;
    has_pictures |= HasPictureSuffix(name);
  }
  return has_pictures && !error;
}

absl::StatusOr<std::vector<std::string>> ListImageFiles(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  const fs::path root(folder);
  for (fs::recursive_directory_iterator i(root, error), end; !error && i != end; i.increment(error)) {
    std::error_code no_file;
    if (HasPictureSuffix(i->path().filename().string()) && i->is_regular_file(no_file)) {
      files.push_back(i->path().lexically_relative(root).generic_string());
    }
  }
  if (error) return absl::NotFoundError(StrCat("cannot list folder '", folder, "': ", error.message()));
  if (files.empty()) {
    return absl::NotFoundError(
        StrCat("folder '", folder, "' holds no pictures (.jpg, .jpeg, .png, .webp, .bmp, .gif)"));
  }
  std::ranges::sort(files, ByComponents);
  return files;
}

}  // namespace vitok
