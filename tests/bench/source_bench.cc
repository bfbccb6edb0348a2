// How fast pictures come out of a shard: crops of photos are written to a tar archive and to a parquet file in a
// temporary folder and read by `cat`, by an image source in the order of the shard and shuffled, and decoded ahead;
// each with the system's cache of the file dropped before, and again with the file in the cache. A line of JSON a way.
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>

#include <nlohmann/json.hpp>

#include "core/base/cpu_count.h"
#include "core/base/monotonic_clock.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/image/codec.h"
#include "core/image/decoded_source.h"
#include "core/image/image_source.h"
#include "core/image/source/counted_draws.h"
#include "core/image/source/image_files.h"
#include "tests/core/image/source/parquet_bytes.h"
#include "tests/core/image/source/tar_bytes.h"
#include "tests/support/temp_folder.h"

namespace vitok {
namespace {

absl::StatusOr<std::vector<RgbImage>> ReadPhotos(const std::string& folder) {
  VITOK_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListImageFiles(folder));
  std::vector<RgbImage> photos;
  for (const std::string& name : names) {
    VITOK_ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(StrCat(folder, "/", name), INT32_MAX));
    VITOK_ASSIGN_OR_RETURN(RgbImage photo, DecodeImage(bytes));
    photos.push_back(std::move(photo));
  }
  return photos;
}

// A JPEG file of a part of a photo, of sides from 192 to 512 px.
absl::StatusOr<std::string> MakePicture(const RgbImage& photo, CountedDraws& draws) {
  const auto side = [&](int32_t limit) {
    return std::min<int32_t>(192 + static_cast<int32_t>(draws.Below(321)), limit);
  };
  RgbImage crop(side(photo.height_px), side(photo.width_px));
  const auto top = static_cast<int32_t>(draws.Below(photo.height_px - crop.height_px + 1));
  const auto left = static_cast<int32_t>(draws.Below(photo.width_px - crop.width_px + 1));
  for (int32_t y = 0; y < crop.height_px; ++y) {
    std::copy_n(photo.pixels_HWC.data() + (size_t{3} * (top + y) * photo.width_px + 3 * left), 3 * crop.width_px,
                crop.pixels_HWC.data() + size_t{3} * y * crop.width_px);
  }
  return EncodeImage(crop, {.format = ImageFormat::kJpeg, .quality = 92});
}

absl::Status WriteShards(const std::string& tar_path, const std::string& parquet_path, const std::string& photos_folder,
                         int pictures) {
  VITOK_ASSIGN_OR_RETURN(const std::vector<RgbImage> photos, ReadPhotos(photos_folder));
  CountedDraws draws(/*seed=*/1, /*stream=*/0);
  std::ofstream tar(tar_path, std::ios::binary), parquet(parquet_path, std::ios::binary);
  std::vector<RowOfParquet> rows;
  for (int i = 0; i < pictures; ++i) {
    VITOK_ASSIGN_OR_RETURN(const std::string picture, MakePicture(photos[i % photos.size()], draws));
    tar << MakeTarMember({.name = StrCat(i, ".jpg"), .data = picture})
        << MakeTarMember({.name = StrCat(i, ".cls"), .data = StrCat(i % 1000)});
    rows.push_back({picture, StrCat(i, ".jpg"), i % 1000});
  }
  tar << TarEnd() << std::flush;
  // Pages of a MiB or so.
  parquet << MakeParquet(rows, {.rows_per_group = 1000, .rows_per_page = 40}) << std::flush;
  return tar && parquet ? absl::OkStatus() : absl::InternalError(StrCat("cannot write ", tar_path));
}

void DropFromCache(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  fsync(fd);
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  close(fd);
}

// Of this process since the last call of ResetPeak, in MiB.
double PeakMib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kib = 0;
    if (word == "VmHWM:" && status >> kib) return kib / 1024;
  }
  return 0;
}

void ResetPeak() {
  malloc_trim(0);  // what was freed belongs to no peak
  std::ofstream("/proc/self/clear_refs") << "5";
}

absl::StatusOr<int64_t> ReadBySource(const std::string& path, const ImageSourceOptions& options) {
  VITOK_ASSIGN_OR_RETURN(const std::unique_ptr<ImageSource> source, OpenImageSource(path, options));
  int64_t samples = 0;
  while (true) {
    VITOK_ASSIGN_OR_RETURN(const std::optional<ImageSample> sample, source->Next());
    if (!sample.has_value()) return samples;
    ++samples;
  }
}

absl::StatusOr<int64_t> ReadDecoded(const std::string& path, ThreadPool& pool) {
  VITOK_ASSIGN_OR_RETURN(std::unique_ptr<ImageSource> source, OpenImageSource(path, {.shuffle = false}));
  DecodedSource pictures(std::move(source), &pool, {});
  int64_t samples = 0;
  while (true) {
    VITOK_ASSIGN_OR_RETURN(const std::optional<DecodedSample> sample, pictures.Next());
    if (!sample.has_value()) return samples;
    ++samples;
  }
}

absl::StatusOr<int64_t> ReadByCat(const std::string& path, int64_t samples) {
  if (std::system(StrCat("cat '", path, "' > /dev/null").c_str()) != 0) return absl::InternalError("cat failed");
  return samples;
}

absl::Status Run(const std::string& photos, int pictures, int threads, int64_t shuffle_bytes) {
  const TempFolder folder;
  const std::string tar = folder / "pictures.tar", parquet = folder / "pictures.parquet";
  VITOK_RETURN_IF_ERROR(WriteShards(tar, parquet, photos, pictures));
  ThreadPool pool("decode", threads);
  struct Way {
    const char* name;
    const std::string& path;
    std::function<absl::StatusOr<int64_t>()> read;
  };
  const Way ways[] = {
      {"cat", tar, [&] { return ReadByCat(tar, pictures); }},
      {"in order", tar, [&] { return ReadBySource(tar, {.shuffle = false}); }},
      {"shuffled", tar, [&] { return ReadBySource(tar, {.shuffle_bytes = shuffle_bytes}); }},
      {"decoded", tar, [&] { return ReadDecoded(tar, pool); }},
      {"parquet in order", parquet, [&] { return ReadBySource(parquet, {.shuffle = false}); }},
      {"parquet shuffled", parquet, [&] { return ReadBySource(parquet, {.shuffle_bytes = shuffle_bytes}); }},
  };
  for (const bool cached : {false, true}) {
    for (const auto& [name, path, read] : ways) {
      const auto mib = static_cast<double>(std::filesystem::file_size(path)) / (1 << 20);
      if (!cached) DropFromCache(path);
      ResetPeak();
      const absl::Time start = MonotonicNow();
      VITOK_ASSIGN_OR_RETURN(const int64_t samples, read());
      const double seconds = absl::ToDoubleSeconds(MonotonicNow() - start);
      std::cout << nlohmann::json{{"way", name},
                                  {"cached", cached},
                                  {"file_mib", mib},
                                  {"samples", samples},
                                  {"seconds", seconds},
                                  {"samples_per_s", static_cast<double>(samples) / seconds},
                                  {"mib_per_s", mib / seconds},
                                  {"peak_rss_mib", PeakMib()}}
                << std::endl;
    }
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace vitok

int main(int argc, char** argv) {
  CLI::App app("How fast pictures come out of a shard, beside cat");
  std::string photos = "photos";
  int pictures = 10'000, threads = vitok::AvailableCpus();
  int64_t shuffle_mib = 64;
  app.add_option("--photos", photos, "folder that the pictures are cut from")->capture_default_str();
  app.add_option("--pictures", pictures, "in the shard")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--threads", threads, "that decode")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--shuffle-mib", shuffle_mib, "bound of the shuffle buffer")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  if (const absl::Status status = vitok::Run(photos, pictures, threads, shuffle_mib << 20); !status.ok()) {
    std::cerr << "source_bench: " << status << "\n";
    return 1;
  }
  return 0;
}
