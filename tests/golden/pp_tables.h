// The tables beside the cases of pp/: files with many small expectations.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>

namespace vitok::golden {

// Checks by file name; each takes the path of the file.
std::map<std::string, std::function<void(const std::filesystem::path&)>> TableChecks();

}  // namespace vitok::golden
