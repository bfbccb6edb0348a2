// Files that a test writes for the code under test.
#pragma once

#include <cstdio>
#include <fstream>
#include <string>

namespace vitok {

// Writes beside and renames, as who replaces a configuration should.
inline std::string WriteTextFile(const std::string& path, const std::string& text) {
  std::ofstream(path + ".new") << text;
  std::rename((path + ".new").c_str(), path.c_str());
  return path;
}

}  // namespace vitok
