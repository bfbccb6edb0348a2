#include "client/cli/file_plan.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

namespace fs = std::filesystem;

struct Input {
  fs::path path;
  fs::path name;  // below the output folder
};

absl::StatusOr<std::vector<Input>> ListFolder(const fs::path& folder, const std::vector<std::string>& extensions) {
  std::vector<Input> files;
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, error);
  for (; !error && entry != fs::end(entry); entry.increment(error)) {
    std::error_code not_a_file;
    const bool wanted = std::find(extensions.begin(), extensions.end(), ExtensionOf(entry->path())) != extensions.end();
    if (wanted && entry->is_regular_file(not_a_file)) {
      files.push_back({entry->path(), entry->path().lexically_relative(folder)});
    }
  }
  if (error) return absl::InvalidArgumentError(StrCat("cannot list ", folder.string(), ": ", error.message()));
  if (files.empty()) {
    return absl::InvalidArgumentError(
        StrCat("folder ", folder.string(), " holds no file named *.", absl::StrJoin(extensions, ", *.")));
  }
  std::sort(files.begin(), files.end(), [](const Input& a, const Input& b) { return a.path < b.path; });
  return files;
}

absl::StatusOr<std::vector<Input>> ListInputs(const std::vector<std::string>& inputs,
                                              const std::vector<std::string>& extensions) {
  std::vector<Input> files;
  for (const std::string& input : inputs) {
    std::error_code error;
    if (!fs::is_directory(input, error)) {
      files.push_back({input, fs::path(input).filename()});
      continue;
    }
    VITOK_ASSIGN_OR_RETURN(std::vector<Input> inside, ListFolder(input, extensions));
    files.insert(files.end(), std::make_move_iterator(inside.begin()), std::make_move_iterator(inside.end()));
  }
  return files;
}

bool OutputIsFile(const FilePlanRequest& request) {
  std::error_code error;
  return request.inputs.size() == 1 && !fs::is_directory(request.inputs[0], error) &&
         !fs::is_directory(request.output, error) && !request.output.ends_with('/');
}

std::vector<FileJob> NameOutputs(const std::vector<Input>& files, const FilePlanRequest& request) {
  const std::string suffix = "." + request.output_extension;
  std::map<fs::path, int> users;
  for (const Input& file : files) ++users[fs::path(file.name).replace_extension(suffix)];
  std::vector<FileJob> jobs;
  for (const Input& file : files) {
    fs::path name = fs::path(file.name).replace_extension(suffix);
    if (users[name] > 1) name = file.name.string() + suffix;
    jobs.push_back({file.path.string(), (fs::path(request.output) / name).string()});
  }
  return jobs;
}

absl::Status CheckOutputs(const std::vector<FileJob>& jobs) {
  std::map<fs::path, const FileJob*> by_input, by_output;
  for (const FileJob& job : jobs) by_input.emplace(fs::weakly_canonical(job.input), &job);
  for (const FileJob& job : jobs) {
    const fs::path output = fs::weakly_canonical(job.output);
    if (by_input.contains(output)) {
      return absl::InvalidArgumentError(StrCat("output ", job.output, " would overwrite an input"));
    }
    const auto [other, is_new] = by_output.emplace(output, &job);
    if (!is_new) {
      return absl::InvalidArgumentError(
          StrCat(other->second->input, " and ", job.input, " would both become ", job.output));
    }
  }
  return absl::OkStatus();
}

}  // namespace

const std::vector<std::string>& PictureExtensions() {
  static const auto* const extensions =
      new std::vector<std::string>{"jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "gif"};
  return *extensions;
}

std::string ExtensionOf(const std::string& path) {
  const std::string extension = fs::path(path).extension().string();
  return extension.empty() ? "" : absl::AsciiStrToLower(extension.substr(1));
}

absl::StatusOr<std::vector<std::string>> ListFiles(const std::vector<std::string>& inputs,
                                                   const std::vector<std::string>& extensions) {
  VITOK_ASSIGN_OR_RETURN(const std::vector<Input> files, ListInputs(inputs, extensions));
  std::vector<std::string> paths;
  for (const Input& file : files) paths.push_back(file.path.string());
  return paths;
}

absl::StatusOr<std::vector<FileJob>> PlanFiles(const FilePlanRequest& request) {
  VITOK_ASSIGN_OR_RETURN(const std::vector<Input> files, ListInputs(request.inputs, request.extensions));
  const std::vector<FileJob> jobs =
      OutputIsFile(request) ? std::vector<FileJob>{{request.inputs[0], request.output}} : NameOutputs(files, request);
  try {
    VITOK_RETURN_IF_ERROR(CheckOutputs(jobs));
  } catch (const fs::filesystem_error& error) {  // a path that cannot be followed, e.g. a loop of links
    return absl::InvalidArgumentError(error.what());
  }
  return jobs;
}

}  // namespace vitok
