// How fast pictures come out of a shard: crops of photos are written to a tar archive and to a parquet file in a
// temporary folder and read by `cat`, by an image source in the order of the shard and shuffled, and decoded ahead;
// each with the system's cache of the file dropped before, and again with the file in the cache. With --data, what that
// names (also of the hub) is read in place of them, without `cat`. A line of JSON a way.
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

#include "absl/strings/str_join.h"
#include "core/base/cpu_count.h"
#include "core/base/monotonic_clock.h"
#include "core/base/random_stream.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/image/codec.h"
#include "core/image/decoded_source.h"
#include "core/image/image_source.h"
#include "core/image/source/image_files.h"
#include "core/weights/hub_dataset.h"
#include "core/weights/hub_dataset_sets.h"
#include "core/weights/hub_options.h"
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
absl::StatusOr<std::string> MakePicture(const RgbImage& photo, RandomStream& draws) {
  const auto side = [&](int32_t limit) {
    return std::min<int32_t>(192 + static_cast<int32_t>(draws.NextBelow(321)), limit);
  };
  RgbImage crop(side(photo.height_px), side(photo.width_px));
  const auto top = static_cast<int32_t>(draws.NextBelow(photo.height_px - crop.height_px + 1));
  const auto left = static_cast<int32_t>(draws.NextBelow(photo.width_px - crop.width_px + 1));
  for (int32_t y = 0; y < crop.height_px; ++y) {
    std::copy_n(photo.pixels_HWC.data() + (size_t{3} * (top + y) * photo.width_px + 3 * left), 3 * crop.width_px,
                crop.pixels_HWC.data() + size_t{3} * y * crop.width_px);
  }
  return EncodeImage(crop, {.format = ImageFormat::kJpeg, .quality = 92});
}

absl::Status WriteShards(const std::string& tar_path, const std::string& parquet_path, const std::string& photos_folder,
                         int pictures) {
  VITOK_ASSIGN_OR_RETURN(const std::vector<RgbImage> photos, ReadPhotos(photos_folder));
  RandomStream draws(/*seed=*/1, /*index=*/0);
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

// What one epoch of a source gave.
struct Given {
  int64_t samples = 0;
  int64_t bytes = 0;
};

absl::StatusOr<Given> ReadBySource(const std::string& path, const ImageSourceOptions& options) {
  VITOK_ASSIGN_OR_RETURN(const std::unique_ptr<ImageSource> source, OpenImageSource(path, options));
  while (true) {
    VITOK_ASSIGN_OR_RETURN(const std::optional<ImageSample> sample, source->Next());
    if (!sample.has_value()) return Given{source->Stats().samples, source->Stats().bytes};
  }
}

absl::StatusOr<Given> ReadDecoded(const std::string& path, const ImageSourceOptions& options, ThreadPool& pool) {
  VITOK_ASSIGN_OR_RETURN(std::unique_ptr<ImageSource> source, OpenImageSource(path, options));
  DecodedSource pictures(std::move(source), &pool, {});
  while (true) {
    VITOK_ASSIGN_OR_RETURN(const std::optional<DecodedSample> sample, pictures.Next());
    if (!sample.has_value()) return Given{pictures.Stats().samples, pictures.Stats().bytes};
  }
}

absl::StatusOr<Given> ReadByCat(const std::string& path) {
  if (std::system(StrCat("cat '", path, "' > /dev/null").c_str()) != 0) return absl::InternalError("cat failed");
  return Given{};
}

// Takes the time of one way of reading and prints a line about it.
absl::Status Measure(nlohmann::json line, const std::function<absl::StatusOr<Given>()>& read) {
  ResetPeak();
  const absl::Time start = MonotonicNow();
  VITOK_ASSIGN_OR_RETURN(const Given given, read());
  const double seconds = absl::ToDoubleSeconds(MonotonicNow() - start);
  if (!line.contains("mib")) line["mib"] = static_cast<double>(given.bytes) / (1 << 20);
  line["samples"] = given.samples;
  line["seconds"] = seconds;
  line["samples_per_s"] = static_cast<double>(given.samples) / seconds;
  line["mib_per_s"] = line["mib"].get<double>() / seconds;
  line["peak_rss_mib"] = PeakMib();
  std::cout << line << std::endl;
  return absl::OkStatus();
}

struct BenchOptions {
  std::string data;  // what is read; empty: a shard of crops of photos
  std::string photos = "photos";
  int pictures = 10'000;
  int threads = AvailableCpus();
  int64_t shuffle_mib = 64;
  ImageSourceOptions source;
};

std::vector<std::pair<const char*, std::function<absl::StatusOr<Given>()>>> SourceWays(const std::string& name,
                                                                                       const BenchOptions& bench,
                                                                                       ThreadPool& pool) {
  ImageSourceOptions in_order = bench.source, shuffled = bench.source;
  in_order.shuffle = false;
  shuffled.shuffle_bytes = bench.shuffle_mib << 20;
  return {{"in order", [=] { return ReadBySource(name, in_order); }},
          {"shuffled", [=] { return ReadBySource(name, shuffled); }},
          {"decoded", [=, &pool] { return ReadDecoded(name, in_order, pool); }}};
}

absl::Status RunData(const BenchOptions& bench) {
  ThreadPool pool("decode", bench.threads);
  for (const auto& [way, read] : SourceWays(bench.data, bench, pool)) {
    VITOK_RETURN_IF_ERROR(Measure({{"way", way}}, read));
  }
  return absl::OkStatus();
}

absl::Status RunMadeShards(const BenchOptions& bench) {
  const TempFolder folder;
  const std::string tar = folder / "pictures.tar", parquet = folder / "pictures.parquet";
  VITOK_RETURN_IF_ERROR(WriteShards(tar, parquet, bench.photos, bench.pictures));
  ThreadPool pool("decode", bench.threads);
  for (const bool cached : {false, true}) {
    for (const auto& [kind, path] : {std::pair("tar", tar), std::pair("parquet", parquet)}) {
      const auto mib = static_cast<double>(std::filesystem::file_size(path)) / (1 << 20);
      auto ways = SourceWays(path, bench, pool);
      ways.insert(ways.begin(), {"cat", [&path = path] { return ReadByCat(path); }});
      for (const auto& [way, read] : ways) {
        if (!cached) DropFromCache(path);
        VITOK_RETURN_IF_ERROR(Measure({{"shard", kind}, {"way", way}, {"cached", cached}, {"mib", mib}}, read));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Run(BenchOptions bench) {
  if (bench.data.empty()) return RunMadeShards(bench);
  VITOK_ASSIGN_OR_RETURN(const HubOptions hub, HubOptionsFromEnvironment(std::getenv));
  if (const auto set = FindHubDatasetSet(bench.data); set.ok()) {
    VITOK_ASSIGN_OR_RETURN(const std::vector<std::string> files,
                           ListHubParquetFiles(std::string(set->repository), set->config, set->split, hub));
    bench.data = absl::StrJoin(files, ",");
    bench.source.picture_column = set->picture_column;
  }
  const HubDatasetOpeners openers = MakeHubDatasetOpeners(hub);
  bench.source.openers[kHubScheme] = openers.stream;
  bench.source.file_openers[kHubScheme] = openers.file;
  return RunData(bench);
}

}  // namespace
}  // namespace vitok

int main(int argc, char** argv) {
  CLI::App app("How fast pictures come out of shards, beside cat");
  vitok::BenchOptions bench;
  app.add_option(
      "--data", bench.data,
      "what is read, as docs/DATA.md names it, also a named set (coco); without it shards are made of photos");
  app.add_option("--photos", bench.photos, "folder that the pictures are cut from")->capture_default_str();
  app.add_option("--pictures", bench.pictures, "in each shard")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--threads", bench.threads, "that decode")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--shuffle-mib", bench.shuffle_mib, "bound of the shuffle buffer")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  if (const absl::Status status = vitok::Run(std::move(bench)); !status.ok()) {
    std::cerr << "source_bench: " << status << "\n";
    return 1;
  }
  return 0;
}
