#include "core/image/decoded_source.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "core/base/named_thread.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/base/utf8.h"

namespace vitok {

DecodedSource::DecodedSource(std::unique_ptr<ImageSource> source, ThreadPool* pool, const DecodedSourceOptions& options)
    : pool_(pool), options_(options), source_(std::move(source)) {}

DecodedSource::~DecodedSource() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (reader_.joinable()) reader_.join();
  const auto idle = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return decoding_ == 0; };
  absl::MutexLock lock(&mutex_, absl::Condition(&idle));
}

absl::StatusOr<std::optional<DecodedSample>> DecodedSource::Next() {
  if (!reader_.joinable()) reader_ = NamedThread("picture-reader", [this] { ReadSource(); });
  const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return FindReady() != nullptr; };
  while (true) {
    absl::MutexLock lock(&mutex_);
    if (items_.empty()) paused_ = false;
    mutex_.Await(absl::Condition(&ready));
    const std::unique_ptr<Item> item = Take(FindReady());
    if (!item->is_sample) {
      if (!item->result.ok()) return item->result;
      return std::nullopt;
    }
    if (item->result.ok()) {
      ++given_.samples;
      given_.bytes += item->file_bytes;
      return std::move(item->sample);
    }
    ++given_.broken;
    if (given_.skipped.size() < kMaxListedSkips) {
      const absl::string_view reason = item->result.message();
      given_.skipped.push_back({item->sample.path, std::string(reason)});
    }
  }
}

void DecodedSource::ReadSource() {
  while (ReadOne()) {
  }
}

// False: the object is going.
bool DecodedSource::ReadOne() {
  const auto may_read = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || (!paused_ && HasRoom()); };
  {
    absl::MutexLock lock(&mutex_, absl::Condition(&may_read));
    if (stopping_) return false;
  }
  absl::MutexLock source_lock(&source_mutex_);
  Push(ReadNext());
  return true;
}

absl::StatusOr<std::optional<ImageSample>> DecodedSource::ReadNext() {
  if (resumed_.empty()) return source_->Next();
  const Item item = std::move(resumed_.front());
  resumed_.pop_front();
  if (item.is_sample) return source_->Fetch(item.ref);
  if (!item.result.ok()) return item.result;
  return std::nullopt;
}

void DecodedSource::Push(absl::StatusOr<std::optional<ImageSample>> read) {
  auto item = std::make_unique<Item>();
  absl::MutexLock lock(&mutex_);
  if (!read.ok() || !read->has_value()) {
    item->result = read.status();
    item->done = true;
    paused_ = true;
    items_.push_back(std::move(item));
    return;
  }
  ImageSample& sample = **read;
  const int64_t pixels = int64_t{sample.header.width_px} * sample.header.height_px;
  item->is_sample = true;
  item->ref = sample.ref;
  item->file_bytes = static_cast<int64_t>(sample.bytes.size());
  item->bytes = item->file_bytes + 3 * std::min(pixels, options_.limits.max_pixels);
  item->sample = {.key = std::move(sample.key), .label = sample.label, .path = std::move(sample.path)};
  bytes_ += item->bytes;
  ++decoding_;
  pool_->Schedule(
      [this, item = item.get(), bytes = std::move(sample.bytes)]() mutable { Decode(item, std::move(bytes)); });
  items_.push_back(std::move(item));
}

void DecodedSource::Decode(Item* item, std::string bytes) {
  absl::StatusOr<RgbImage> image = DecodeImage(bytes, options_.limits, options_.alpha);
  bytes = std::string();
  absl::MutexLock lock(&mutex_);
  if (image.ok()) {
    item->sample.image = *std::move(image);
  } else {
    item->result = image.status();
  }
  item->done = true;
  --decoding_;
}

bool DecodedSource::HasRoom() const {
  return items_.empty() || (static_cast<int64_t>(items_.size()) < options_.max_samples && bytes_ < options_.max_bytes);
}

// The item to be given next, or null while there is none.
DecodedSource::Item* DecodedSource::FindReady() const {
  for (const std::unique_ptr<Item>& item : items_) {
    const bool in_turn = item == items_.front();
    if (item->done && (in_turn || item->is_sample)) return item.get();
    if (options_.keep_order || !item->is_sample) return nullptr;
  }
  return nullptr;
}

std::unique_ptr<DecodedSource::Item> DecodedSource::Take(const Item* item) {
  const auto place = std::ranges::find(items_, item, &std::unique_ptr<Item>::get);
  std::unique_ptr<Item> taken = std::move(*place);
  items_.erase(place);
  bytes_ -= taken->bytes;
  return taken;
}

nlohmann::json DecodedSource::Position() {
  absl::MutexLock source_lock(&source_mutex_);
  absl::MutexLock lock(&mutex_);
  // [part, file, offset] of a sample, [] the end of an epoch, [code, message] an error.
  nlohmann::json ahead = nlohmann::json::array();
  const auto add = [&ahead](const Item& item) {
    if (item.is_sample) {
      ahead.push_back({item.ref.part, item.ref.file, item.ref.offset});
    } else if (item.result.ok()) {
      ahead.push_back(nlohmann::json::array());
    } else {
      // JSON holds UTF-8; names of files need not be.
      const std::string message(item.result.message());
      ahead.push_back({static_cast<int>(item.result.code()), IsUtf8(message) ? message : absl::CHexEscape(message)});
    }
  };
  for (const std::unique_ptr<Item>& item : items_) add(*item);
  for (const Item& item : resumed_) add(item);
  return {{"source", source_->Position()}, {"ahead", std::move(ahead)}};
}

absl::Status DecodedSource::Resume(const nlohmann::json& position) {
  const auto invalid = [](std::string_view name) {
    return absl::InvalidArgumentError(StrCat("position of decoded pictures: '", name, "' is missing or damaged"));
  };
  if (!position.is_object() || !position.contains("source")) return invalid("source");
  const auto ahead = position.find("ahead");
  if (ahead == position.end() || !ahead->is_array()) return invalid("ahead");
  std::deque<Item> resumed;
  for (const nlohmann::json& entry : *ahead) {
    Item& item = resumed.emplace_back();
    if (!entry.is_array()) return invalid("ahead");
    if (entry.empty()) continue;
    if (entry.size() == 2 && entry[0].is_number_integer() && entry[1].is_string()) {
      item.result = absl::Status(static_cast<absl::StatusCode>(entry[0].get<int>()), entry[1].get<std::string>());
      continue;
    }
    const bool is_ref = entry.size() == 3 && std::ranges::all_of(entry, [](const nlohmann::json& value) {
                          return value.is_number_integer();
                        });
    if (!is_ref) return invalid("ahead");
    item.is_sample = true;
    item.ref = {entry[0].get<int64_t>(), entry[1].get<int64_t>(), entry[2].get<int64_t>()};
  }
  absl::MutexLock source_lock(&source_mutex_);
  VITOK_RETURN_IF_ERROR(source_->Resume(position["source"]));
  resumed_ = std::move(resumed);
  return absl::OkStatus();
}

SourceStats DecodedSource::Stats() {
  absl::MutexLock source_lock(&source_mutex_);
  SourceStats stats = source_->Stats();
  absl::MutexLock lock(&mutex_);
  stats.samples = given_.samples;
  stats.bytes = given_.bytes;
  stats.broken += given_.broken;
  const size_t room = kMaxListedSkips - stats.skipped.size();
  stats.skipped.insert(stats.skipped.end(), given_.skipped.begin(),
                       given_.skipped.begin() + static_cast<int64_t>(std::min(room, given_.skipped.size())));
  return stats;
}

}  // namespace vitok
