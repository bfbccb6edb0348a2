// The pictures in folders.
#pragma once

#include <string>
#include <vector>

#include "core/image/image_source.h"
#include "core/image/source/source_recorder.h"

namespace vitok {

struct PictureFolder {
  std::string path;
  std::vector<std::string> files;  // ListImageFiles
};

// An epoch is the files of all folders, shuffled with the seed (seed + epoch if they are reshuffled) in Python's order,
// of which a share takes every num_ranks * num_workers-th. Samples have no labels. A file that cannot be read is
// broken.
class FolderSource : public ImageSource {
 public:
  // REQUIRES: folders with files; options that OpenImageSource accepts.
  FolderSource(std::vector<PictureFolder> folders, const ImageSourceOptions& options);

  absl::StatusOr<std::optional<ImageSample>> Next() override;
  absl::StatusOr<ImageSample> Fetch(const SampleRef& ref) override;
  nlohmann::json Position() const override;
  absl::Status Resume(const nlohmann::json& position) override;
  SourceStats Stats() const override { return recorder_.stats(); }

 private:
  struct File {
    size_t folder;
    std::string name;
  };
  void BeginEpoch(int64_t epoch);
  std::string PathOf(int64_t file) const;
  absl::StatusOr<ImageSample> ReadFile(int64_t file) const;
  nlohmann::json Identity() const;

  const ImageSourceOptions options_;
  std::vector<std::string> folders_;
  std::vector<File> files_;
  std::string digest_;
  SourceRecorder recorder_;

  int64_t epoch_ = 0;
  std::vector<int64_t> order_;  // this share's files in this epoch
  int64_t next_ = 0;            // in order_
};

}  // namespace vitok
