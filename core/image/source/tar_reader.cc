#include "core/image/source/tar_reader.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/str_cat.h"

namespace vitok {
namespace {

constexpr size_t kBufferBytes = size_t{256} << 10;

// The program that a file of these first bytes was compressed with; empty if none.
std::string_view CompressionOf(std::string_view bytes) {
  constexpr std::pair<std::string_view, std::string_view> kMagics[] = {
      {"\x1F\x8B", "gzip"}, {"\x28\xB5\x2F\xFD", "zstd"}, {"\xFD\x37zXZ", "xz"}, {"BZh", "bzip2"}};
  for (const auto& [magic, name] : kMagics) {
    if (bytes.starts_with(magic)) return name;
  }
  return "";
}

}  // namespace

// What libarchive reads from, through callbacks.
struct TarReader::Input {
  explicit Input(std::unique_ptr<ByteStream> bytes) : stream(std::move(bytes)), buffer(kBufferBytes) {}

  static la_ssize_t Read(archive*, void* data, const void** out) {
    auto* input = static_cast<Input*>(data);
    const absl::StatusOr<int64_t> bytes = input->stream->Read(absl::MakeSpan(input->buffer));
    *out = input->buffer.data();
    if (!bytes.ok()) {
      input->error = bytes.status();
      return ARCHIVE_FATAL;
    }
    if (input->first_bytes.empty()) input->first_bytes.assign(input->buffer.data(), std::min<int64_t>(*bytes, 8));
    return *bytes;
  }

  static la_int64_t Skip(archive*, void* data, la_int64_t bytes) {
    auto* input = static_cast<Input*>(data);
    const absl::StatusOr<int64_t> skipped = input->stream->Skip(bytes);
    if (skipped.ok()) return *skipped;
    input->error = skipped.status();
    return ARCHIVE_FATAL;
  }

  const std::unique_ptr<ByteStream> stream;
  std::vector<char> buffer;
  std::string first_bytes;
  absl::Status error;
};

TarReader::TarReader(std::string name, std::unique_ptr<Input> input, int64_t offset)
    : name_(std::move(name)), base_offset_(offset), input_(std::move(input)), archive_(archive_read_new()) {
  // Where it is known to be a tar archive its first header need not look like one: libarchive recognises fewer headers
  // than it reads.
  if (offset == 0) {
    archive_read_support_format_tar(archive_);
  } else {
    archive_read_set_format(archive_, ARCHIVE_FORMAT_TAR);
  }
  archive_read_set_read_callback(archive_, &Input::Read);
  archive_read_set_skip_callback(archive_, &Input::Skip);
  archive_read_set_callback_data(archive_, input_.get());
}

TarReader::~TarReader() { archive_read_free(archive_); }

absl::Status TarReader::Damaged() const {
  if (!input_->error.ok()) return input_->error;
  const char* reason = archive_error_string(archive_);
  return absl::DataLossError(StrCat("tar archive '", name_, "' is damaged or cut off near byte ",
                                    base_offset_ + archive_filter_bytes(archive_, -1), ": ",
                                    reason == nullptr ? "unknown error" : reason));
}

absl::StatusOr<std::unique_ptr<TarReader>> TarReader::Open(std::string name, std::unique_ptr<ByteStream> stream,
                                                           int64_t offset) {
  std::unique_ptr<TarReader> reader(new TarReader(std::move(name), std::make_unique<Input>(std::move(stream)), offset));
  if (archive_read_open1(reader->archive_) == ARCHIVE_OK) return reader;
  const Input& input = *reader->input_;
  if (!input.error.ok()) return input.error;
  const auto no_tar = [&](std::string_view what) {
    return absl::DataLossError(StrCat("'", reader->name_, "' ", what, offset == 0 ? "" : StrCat(" at byte ", offset)));
  };
  if (input.first_bytes.empty()) return no_tar("is empty; a tar archive was expected");
  if (const std::string_view compression = CompressionOf(input.first_bytes); !compression.empty()) {
    return no_tar(StrCat("is compressed (", compression, "); shards must be plain tar archives"));
  }
  return no_tar("is no tar archive");
}

absl::StatusOr<std::optional<TarMember>> TarReader::Next() {
  while (true) {
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(archive_, &entry);
    if (result == ARCHIVE_EOF) return std::nullopt;
    // Warnings tell of names that the locale cannot show, which is no concern here.
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) return Damaged();
    const char* name = archive_entry_pathname(entry);
    if (name == nullptr || archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != nullptr) {
      continue;
    }
    size_bytes_ = archive_entry_size(entry);
    return TarMember{name, base_offset_ + archive_read_header_position(archive_), size_bytes_};
  }
}

absl::StatusOr<std::string> TarReader::ReadData() {
  constexpr size_t kFirstBytes = size_t{1} << 20;
  std::string data;
  size_t filled = 0;
  while (true) {
    // A header can promise more than follows: memory grows with what was read.
    if (filled == data.size()) {
      data.resize(std::min<size_t>(size_bytes_, std::max(kFirstBytes, 2 * filled)));
      if (filled == data.size()) return data;
    }
    const la_ssize_t bytes = archive_read_data(archive_, data.data() + filled, data.size() - filled);
    if (bytes < 0) return Damaged();
    if (bytes == 0) break;
    filled += bytes;
  }
  data.resize(filled);
  return data;
}

}  // namespace vitok
