// Which files a command reads and what each becomes.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace vitok {

struct FileJob {
  std::string input;
  std::string output;
};

struct FilePlanRequest {
  std::vector<std::string> inputs;      // files and folders
  std::string output;                   // a file, or a folder
  std::vector<std::string> extensions;  // that are taken from a folder: lower case, no dot
  std::string output_extension;         // of files in an output folder: no dot
};

// Suffixes of picture files, for FilePlanRequest::extensions.
const std::vector<std::string>& PictureExtensions();

// Lower-case suffix without the dot; "" if there is none.
std::string ExtensionOf(const std::string& path);

// The files to read: inputs as given, a folder's files with one of these suffixes recursively and sorted by path.
// INVALID_ARGUMENT naming a folder without such files.
absl::StatusOr<std::vector<std::string>> ListFiles(const std::vector<std::string>& inputs,
                                                   const std::vector<std::string>& extensions);

// The files in order: inputs as given, a folder's files recursively and sorted by path. With one input file and an
// output that neither is a folder nor ends in "/", the output is that file. Otherwise it is a folder: names (for a
// folder's files with their path below it) are kept and their suffix replaced; where that makes two names equal
// (a.jpg, a.png) the whole name is kept and the suffix added (a.jpg.png, a.png.png). A file that does not exist is
// listed: reading it will say so.
// INVALID_ARGUMENT, naming the paths: a folder without such files, two inputs with one output, an output that is an
// input.
absl::StatusOr<std::vector<FileJob>> PlanFiles(const FilePlanRequest& request);

}  // namespace vitok
