// The pictures in a folder, as the reference finds and orders them (goldens/pp, kinds image_folder, is_image_folder).
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace vitok {

// Whether pictures, and no .tar files, lie directly in the folder. False if it cannot be read.
bool IsImageFolder(const std::string& folder);

// Paths, relative to the folder, of all files below it with one of the six suffixes .jpg .jpeg .png .webp .bmp .gif in
// any case; sorted by components, bytes compared ("sub/c.png" before "sub-x.png"). Links to files are followed, links
// to folders are not. NOT_FOUND: a folder that cannot be read, or holds no pictures.
absl::StatusOr<std::vector<std::string>> ListImageFiles(const std::string& folder);

}  // namespace vitok
