#include "core/image/source/shard_source.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/image/source/position_fields.h"
#include "core/image/source/source_names.h"

namespace vitok {
namespace {

// Streams of RandomStream: two for each share. None is that of a sample, whose number is its index.
uint64_t ShardStream(Share share) { return (uint64_t{1} << 62) + 2 * static_cast<uint64_t>(share.index); }
uint64_t PickStream(Share share) { return ShardStream(share) + 1; }

}  // namespace

ShardSource::ShardSource(std::vector<std::string> shards, std::vector<int64_t> shards_per_part, ShardOpener opener,
                         const ImageSourceOptions& options)
    : options_(options),
      share_(ShareOf(options)),
      shards_(std::move(shards)),
      shards_per_part_(std::move(shards_per_part)),
      opener_(std::move(opener)),
      by_sample_(!options.resampled && static_cast<int64_t>(shards_.size()) < share_.count),
      recorder_(options.min_side_px),
      picks_(options.seed, PickStream(share_)) {
  BeginEpoch(0);
}

void ShardSource::BeginEpoch(int64_t epoch) {
  cursor_ = {.epoch = epoch};
  reader_.reset();
  if (options_.resampled) return;
  if (options_.shuffle) {
    order_ = ShuffleShards(shards_per_part_, options_.seed + static_cast<uint64_t>(epoch));
  } else {
    order_.resize(shards_.size());
    std::iota(order_.begin(), order_.end(), 0);
  }
  if (!by_sample_) order_ = TakeShare(order_, share_);
}

bool ShardSource::AtEnd() const { return !options_.resampled && cursor_.turn >= static_cast<int64_t>(order_.size()); }

int64_t ShardSource::ShardOfTurn() const {
  if (!options_.resampled) return order_[cursor_.turn];
  RandomStream draws(options_.seed, ShardStream(share_));
  draws.set_count(cursor_.turn);
  return draws.NextBelow(static_cast<int64_t>(shards_.size()));
}

absl::StatusOr<std::optional<ImageSample>> ShardSource::Next() {
  const SourceRecorder::Timer timer(recorder_);
  VITOK_RETURN_IF_ERROR(FillBuffer());
  if (buffer_.size() == 0) {
    BeginEpoch(cursor_.epoch + 1);
    VITOK_RETURN_IF_ERROR(recorder_.EndEpoch(Description()));
    return std::nullopt;
  }
  const int64_t pick = picks_.NextBelow(static_cast<int64_t>(buffer_.size()));
  const BufferedSample& picked = buffer_.samples()[pick];
  if (!picked.sample.has_value() && IsParquetName(shards_[picked.ref.file])) ReadBufferAgain(picked.ref.file);
  BufferedSample taken = buffer_.Take(pick);
  if (!taken.sample.has_value()) {
    VITOK_ASSIGN_OR_RETURN(taken.sample, Fetch(taken.ref));
  }
  recorder_.CountGiven(*taken.sample);
  return std::move(taken.sample);
}

absl::Status ShardSource::FillBuffer() {
  constexpr int64_t kReadsPerSample = 2;  // one is given, by one the buffer grows
  const int64_t max_samples = options_.shuffle ? options_.shuffle_samples : 1;
  for (int64_t reads = 0; buffer_.size() < max_samples && buffer_.bytes() < options_.shuffle_bytes &&
                          (buffer_.size() < options_.shuffle_initial || reads < kReadsPerSample);
       ++reads) {
    VITOK_ASSIGN_OR_RETURN(std::optional<ImageSample> sample, ReadSample());
    if (!sample.has_value()) break;
    buffer_.Add(*std::move(sample));
  }
  return absl::OkStatus();
}

// The next sample in the order of reading that can be given; nullopt at the end of the epoch.
absl::StatusOr<std::optional<ImageSample>> ShardSource::ReadSample() {
  constexpr int64_t kDrawsPerShard = 20;  // as many miss a shard with a probability of e^-20
  while (!AtEnd()) {
    if (options_.resampled && barren_draws_ >= kDrawsPerShard * static_cast<int64_t>(shards_.size())) {
      barren_draws_ = 0;
      return recorder_.NothingToGive(Description());
    }
    const int64_t shard = ShardOfTurn();
    const bool is_ours = !by_sample_ || cursor_.sample % share_.count == share_.index;
    VITOK_ASSIGN_OR_RETURN(std::optional<ShardSample> shard_sample, ReadShardSample());
    if (!shard_sample.has_value() || !is_ours) continue;
    const absl::Status problem = shard_sample->problem;
    const std::string_view reason(problem.message().data(), problem.message().size());
    ImageSample sample = ToImageSample(*std::move(shard_sample), shard);
    if (absl::IsNotFound(problem)) {
      recorder_.CountWithoutPicture(std::move(sample.path), reason);
    } else if (!problem.ok()) {
      recorder_.CountBroken(std::move(sample.path), reason);
    } else if (recorder_.Admit(sample)) {
      barren_draws_ = 0;
      return sample;
    }
  }
  return std::nullopt;
}

// The sample at the cursor, which moves on; nullopt if the shard has none. After an error the cursor is at the next
// shard.
absl::StatusOr<std::optional<ShardSample>> ShardSource::ReadShardSample() {
  const auto read = [&]() -> absl::StatusOr<std::optional<ShardSample>> {
    if (reader_ == nullptr) {
      VITOK_ASSIGN_OR_RETURN(reader_, opener_(shards_[ShardOfTurn()], cursor_.offset));
    }
    return reader_->Next(/*wanted=*/!by_sample_ || cursor_.sample % share_.count == share_.index);
  };
  absl::StatusOr<std::optional<ShardSample>> sample = read();
  if (sample.ok() && sample->has_value()) ++cursor_.sample;
  const std::optional<int64_t> next = sample.ok() ? reader_->NextOffset() : std::nullopt;
  if (next.has_value()) {
    cursor_.offset = *next;
    return sample;
  }
  reader_.reset();
  ++cursor_.turn;
  cursor_.offset = 0;
  ++barren_draws_;
  return sample;
}

ImageSample ShardSource::ToImageSample(ShardSample sample, int64_t shard) const {
  ImageSample result{.bytes = std::move(sample.picture), .label = sample.label};
  result.path = StrCat(shards_[shard], "/", sample.picture_name.empty() ? sample.key : sample.picture_name);
  result.key = std::move(sample.key);
  result.ref = {.file = shard, .offset = sample.offset};
  return result;
}

absl::StatusOr<ImageSample> ShardSource::Fetch(const SampleRef& ref) {
  if (ref.file < 0 || ref.file >= static_cast<int64_t>(shards_.size()) || ref.offset < 0) {
    return absl::InvalidArgumentError(StrCat("offset ", ref.offset, " of shard ", ref.file,
                                             " does not exist; there are ", shards_.size(), " shards"));
  }
  VITOK_ASSIGN_OR_RETURN(const std::unique_ptr<ShardReader> reader, opener_(shards_[ref.file], ref.offset));
  return FetchFrom(*reader, ref);
}

// The sample at which a reader of its shard is.
absl::StatusOr<ImageSample> ShardSource::FetchFrom(ShardReader& reader, const SampleRef& ref) const {
  VITOK_ASSIGN_OR_RETURN(std::optional<ShardSample> shard_sample, reader.Next(/*wanted=*/true));
  const auto changed = [&](std::string_view reason) {
    return absl::DataLossError(
        StrCat("shard '", shards_[ref.file], "' has changed: at offset ", ref.offset, " ", reason));
  };
  if (!shard_sample.has_value() || shard_sample->offset != ref.offset) return changed("no sample begins");
  if (absl::IsNotFound(shard_sample->problem)) return changed("lies a sample without a picture");
  if (!shard_sample->problem.ok()) return shard_sample->problem;
  ImageSample sample = ToImageSample(*std::move(shard_sample), ref.file);
  VITOK_ASSIGN_OR_RETURN(sample.header, ReadImageHeader(sample.bytes));
  return sample;
}

// After a resumption: reads in one go what the buffer holds of a parquet file. One by one would be a page for each, and
// pages can hold a thousand pictures. What fails is left to Fetch, which will say so.
void ShardSource::ReadBufferAgain(int64_t shard) {
  std::multimap<int64_t, size_t> missing;  // index in the buffer by offset; draws can give a sample twice
  const std::vector<BufferedSample>& samples = buffer_.samples();
  for (size_t i = 0; i < samples.size(); ++i) {
    if (samples[i].ref.file == shard && !samples[i].sample.has_value()) missing.emplace(samples[i].ref.offset, i);
  }
  absl::StatusOr<std::unique_ptr<ShardReader>> reader = opener_(shards_[shard], missing.begin()->first);
  std::optional<int64_t> offset = missing.begin()->first;
  while (reader.ok() && !missing.empty() && offset.has_value()) {
    const auto [first, last] = missing.equal_range(*offset);
    if (first == last) {
      if (!(*reader)->Next(/*wanted=*/false).ok()) return;
    } else {
      const absl::StatusOr<ImageSample> sample = FetchFrom(**reader, samples[first->second].ref);
      if (!sample.ok()) return;
      for (auto i = first; i != last; ++i) buffer_.Fill(i->second, *sample);
      missing.erase(first, last);
    }
    offset = (*reader)->NextOffset();
  }
}

std::string ShardSource::Description() const {
  return StrCat("share ", share_.index, " of ", share_.count, " of the shards '", shards_.front(), "' (",
                shards_.size(), " in all)");
}

nlohmann::json ShardSource::Identity() const {
  std::vector<std::string_view> names;  // without folders: data may be moved
  for (const std::string_view shard : shards_) names.push_back(shard.substr(shard.rfind('/') + 1));
  nlohmann::json identity = {{"kind", "shards"},
                             {"version", 2},  // 1 drew from another generator
                             {"data", DigestNames(names)},
                             {"parts", shards_per_part_},
                             {"seed", options_.seed},
                             {"shuffle", options_.shuffle},
                             {"resampled", options_.resampled},
                             {"share", {share_.index, share_.count}}};
  if (std::ranges::any_of(shards_, IsParquetName)) identity["picture_column"] = options_.picture_column;
  return identity;
}

nlohmann::json ShardSource::Position() const {
  nlohmann::json position = Identity();
  position["epoch"] = cursor_.epoch;
  position["turn"] = cursor_.turn;
  position["offset"] = cursor_.offset;
  position["sample"] = cursor_.sample;
  position["picks"] = picks_.count();
  std::vector<int64_t> buffer;  // shard, offset and bytes of each sample
  for (const BufferedSample& sample : buffer_.samples()) {
    buffer.insert(buffer.end(), {sample.ref.file, sample.ref.offset, sample.bytes});
  }
  position["buffer"] = std::move(buffer);
  return position;
}

absl::Status ShardSource::Resume(const nlohmann::json& position) {
  VITOK_RETURN_IF_ERROR(CheckIdentity(position, Identity()));
  Cursor cursor;
  VITOK_ASSIGN_OR_RETURN(cursor.epoch, CountField(position, "epoch", INT64_MAX - 1));
  VITOK_ASSIGN_OR_RETURN(cursor.turn, CountField(position, "turn", INT64_MAX - 1));
  VITOK_ASSIGN_OR_RETURN(cursor.offset, CountField(position, "offset", INT64_MAX));
  VITOK_ASSIGN_OR_RETURN(cursor.sample, CountField(position, "sample", INT64_MAX - 1));
  VITOK_ASSIGN_OR_RETURN(const int64_t picks, CountField(position, "picks", INT64_MAX - 1));
  constexpr size_t kFields = 3;
  VITOK_ASSIGN_OR_RETURN(const std::vector<int64_t> fields, CountsField(position, "buffer", kFields));
  ShuffleBuffer buffer;
  for (size_t i = 0; i < fields.size(); i += kFields) {
    if (fields[i] >= static_cast<int64_t>(shards_.size()) || fields[i + 2] > options_.max_file_bytes * 2) {
      return absl::InvalidArgumentError(
          StrCat("position: 'buffer' names shard ", fields[i], " of ", shards_.size(), ", ", fields[i + 2], " bytes"));
    }
    buffer.Add(BufferedSample{{.file = fields[i], .offset = fields[i + 1]}, fields[i + 2], std::nullopt});
  }
  BeginEpoch(cursor.epoch);
  cursor_ = cursor;
  buffer_ = std::move(buffer);
  picks_.set_count(picks);
  barren_draws_ = 0;
  recorder_.ForgetEpochs();
  return absl::OkStatus();
}

}  // namespace vitok
