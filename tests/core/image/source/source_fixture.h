// Small data sets, and what a source gives of them.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/base/str_cat.h"
#include "core/image/image_source.h"
#include "tests/core/image/image_bytes.h"
#include "tests/core/image/source/parquet_bytes.h"
#include "tests/core/image/source/tar_bytes.h"

namespace vitok {

// A file that has a header and no pixels: what a source looks at.
inline std::string SmallPicture(uint32_t height_px = 4, uint32_t width_px = 4) {
  return HeaderOnly(ImageFormat::kPng, height_px, width_px);
}

// A shard of samples "<prefix>0", "<prefix>1"...: a picture and, with a label, a .cls each.
inline std::string MakeShard(const std::string& prefix, int samples, int first_label = 0) {
  std::string tar;
  for (int i = 0; i < samples; ++i) {
    tar += MakeTarMember({.name = StrCat(prefix, i, ".png"), .data = SmallPicture()});
    tar += MakeTarMember({.name = StrCat(prefix, i, ".cls"), .data = StrCat(first_label + i)});
  }
  return tar + TarEnd();
}

// A parquet file of the same samples.
inline std::string MakeParquetShard(const std::string& prefix, int samples, int first_label = 0) {
  std::vector<RowOfParquet> rows;
  for (int i = 0; i < samples; ++i) rows.push_back({SmallPicture(), StrCat(prefix, i, ".png"), first_label + i});
  return MakeParquet(rows);
}

inline std::unique_ptr<ImageSource> Open(const std::string& name, const ImageSourceOptions& options = {}) {
  absl::StatusOr<std::unique_ptr<ImageSource>> source = OpenImageSource(name, options);
  if (!source.ok()) throw std::runtime_error(source.status().ToString());
  return *std::move(source);
}

// The key of the next sample, "|" at the end of an epoch, "!CODE" for an error.
inline std::string Step(ImageSource& source) {
  const absl::StatusOr<std::optional<ImageSample>> sample = source.Next();
  if (!sample.ok()) return StrCat("!", absl::StatusCodeToString(sample.status().code()));
  return sample->has_value() ? (*sample)->key : "|";
}

inline std::vector<std::string> Steps(ImageSource& source, int count) {
  std::vector<std::string> steps;
  for (int i = 0; i < count; ++i) steps.push_back(Step(source));
  return steps;
}

// The keys of what is left of an epoch. Errors among them, as Step gives them.
inline std::vector<std::string> Epoch(ImageSource& source) {
  std::vector<std::string> keys;
  for (std::string key = Step(source); key != "|"; key = Step(source)) {
    keys.push_back(key);
    if (keys.size() > 10'000) throw std::runtime_error("an epoch without end");
  }
  return keys;
}

}  // namespace vitok
