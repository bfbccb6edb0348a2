// The plug-in libvitok_parquet.so: the only file that uses Arrow and Parquet, from the wheel of pyarrow. It reads
// column by column and page by page, below Arrow's tables, so that no more than a page of each column is in memory.
// Files are not trusted: Parquet checks what they state and throws, and memory is bounded.
#include "core/image/source/parquet_reader.h"

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <arrow/memory_pool.h>
#include <parquet/column_reader.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/schema.h>

#include <algorithm>
#include <array>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

constexpr int64_t kReadAheadBytes = int64_t{64} << 10;  // of each column, when the next page is looked at
constexpr uint32_t kMaxPathBytes = 4096;                // longer names are cut
constexpr std::array<std::string_view, 3> kLabelColumns = {"label", "labels", "cls"};

// What `read` gives for a buffer of `bytes`: the caller knows how much there is, so that what a file states takes no
// memory.
template <typename Read>
arrow::Result<std::shared_ptr<arrow::Buffer>> ReadToBuffer(int64_t bytes, arrow::MemoryPool* pool, const Read& read) {
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(bytes, pool));
  ARROW_ASSIGN_OR_RAISE(const int64_t filled, read(bytes, buffer->mutable_data()));
  ARROW_RETURN_NOT_OK(buffer->Resize(filled));
  return std::shared_ptr<arrow::Buffer>(std::move(buffer));
}

// Our file as Arrow sees it. Remembers the first error, which says more than what Arrow makes of it.
class ArrowFile : public arrow::io::RandomAccessFile {
 public:
  ArrowFile(std::unique_ptr<vitok::RandomAccessFile> file, arrow::MemoryPool* pool)
      : file_(std::move(file)), pool_(pool) {
    set_mode(arrow::io::FileMode::READ);
  }

  const absl::Status& error() const { return error_; }

  arrow::Result<int64_t> GetSize() override { return file_->size_bytes(); }

  arrow::Result<int64_t> ReadAt(int64_t position, int64_t bytes, void* out) override {
    int64_t filled = 0;
    while (filled < bytes) {
      const absl::StatusOr<int64_t> read =
          file_->ReadAt(position + filled, absl::MakeSpan(static_cast<char*>(out) + filled, bytes - filled));
      if (!read.ok()) {
        error_ = read.status();
        return arrow::Status::IOError(error_.ToString());
      }
      if (*read == 0) break;
      filled += *read;
    }
    return filled;
  }

  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t bytes) override {
    return ReadToBuffer(std::clamp<int64_t>(file_->size_bytes() - position, 0, bytes), pool_,
                        [&](int64_t there, void* out) { return ReadAt(position, there, out); });
  }

  arrow::Result<int64_t> Read(int64_t bytes, void* out) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t read, ReadAt(position_, bytes, out));
    position_ += read;
    return read;
  }

  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t bytes) override {
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer, ReadAt(position_, bytes));
    position_ += buffer->size();
    return buffer;
  }

  arrow::Status Seek(int64_t position) override {
    position_ = position;
    return arrow::Status::OK();
  }
  arrow::Result<int64_t> Tell() const override { return position_; }
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }

 private:
  const std::unique_ptr<vitok::RandomAccessFile> file_;
  arrow::MemoryPool* const pool_;
  absl::Status error_;
  int64_t position_ = 0;
  bool closed_ = false;
};

// The bytes of one column in a row group, from front to back. Unlike Arrow's streams it takes no more memory than there
// are bytes, whatever a page states, and passes over pages without reading them.
class ChunkStream : public arrow::io::InputStream {
 public:
  ChunkStream(std::shared_ptr<ArrowFile> file, int64_t begin, int64_t end, arrow::MemoryPool* pool)
      : file_(std::move(file)), end_(end), pool_(pool), position_(begin), ahead_begin_(begin) {}

  // The next call of Advance, which is one of Read to Arrow, only moves.
  void PassOverNextRead() { passes_over_ = true; }

  arrow::Result<std::string_view> Peek(int64_t bytes) override {
    const int64_t there = std::min(bytes, end_ - position_);
    if (ahead().size() < there) {
      std::string ahead(std::min(std::max(there, kReadAheadBytes), end_ - position_), '\0');
      ARROW_ASSIGN_OR_RAISE(const int64_t filled, Read(static_cast<int64_t>(ahead.size()), ahead.data()));
      position_ -= filled;
      ahead.resize(filled);
      ahead_ = std::move(ahead);
      ahead_begin_ = position_;
    }
    return ahead().substr(0, there);
  }

  arrow::Result<int64_t> Read(int64_t bytes, void* out) override {
    bytes = std::clamp<int64_t>(bytes, 0, end_ - position_);
    const std::string_view copied = ahead().substr(0, bytes);
    std::ranges::copy(copied, static_cast<char*>(out));
    position_ += static_cast<int64_t>(copied.size());
    const int64_t rest = bytes - static_cast<int64_t>(copied.size());
    ARROW_ASSIGN_OR_RAISE(const int64_t read, file_->ReadAt(position_, rest, static_cast<char*>(out) + copied.size()));
    position_ += read;
    return static_cast<int64_t>(copied.size()) + read;
  }

  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t bytes) override {
    const int64_t there = std::clamp<int64_t>(end_ - position_, 0, bytes);
    if (std::exchange(passes_over_, false)) {
      position_ += there;
      return std::make_shared<arrow::Buffer>(nullptr, 0);
    }
    return ReadToBuffer(there, pool_, [this](int64_t size, void* out) { return Read(size, out); });
  }

  arrow::Result<int64_t> Tell() const override { return position_; }
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }

 private:
  // What was read behind the position already.
  std::string_view ahead() const {
    const int64_t passed = position_ - ahead_begin_;
    return passed < static_cast<int64_t>(ahead_.size()) ? std::string_view(ahead_).substr(passed) : std::string_view();
  }

  const std::shared_ptr<ArrowFile> file_;
  const int64_t end_;
  arrow::MemoryPool* const pool_;
  int64_t position_;
  std::string ahead_;  // bytes of the file from ahead_begin_ on
  int64_t ahead_begin_;
  bool passes_over_ = false;
  bool closed_ = false;
};

// Where a column of a row group lies. Throws if that is not within the file.
std::pair<int64_t, int64_t> BytesOfChunk(const parquet::FileMetaData& file, const parquet::ColumnChunkMetaData& chunk,
                                         int64_t file_bytes) {
  if (chunk.crypto_metadata() != nullptr) throw parquet::ParquetException("a column is encrypted");
  int64_t begin = chunk.data_page_offset();
  if (chunk.has_dictionary_page() && chunk.dictionary_page_offset() > 0) {
    begin = std::min(begin, chunk.dictionary_page_offset());
  }
  const int64_t bytes = chunk.total_compressed_size();
  if (begin < 0 || bytes < 0 || begin > file_bytes || bytes > file_bytes - begin) {
    throw parquet::ParquetException(
        StrCat("a column is said to lie at byte ", begin, ", ", bytes, " long, in a file of ", file_bytes));
  }
  // Some writers left the header of the dictionary out of the count (PARQUET-816).
  const bool is_short = file.writer_version().VersionLt(parquet::ApplicationVersion::PARQUET_816_FIXED_VERSION());
  constexpr int64_t kMaxUncountedBytes = 100;
  return {begin, std::min(begin + bytes + (is_short ? kMaxUncountedBytes : 0), file_bytes)};
}

// What is being thrown, as a Status. `what` names file and place.
absl::Status StatusOfException(const ArrowFile& file, std::string_view what) {
  if (!file.error().ok()) return file.error();
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(StrCat(what, ": out of memory"));
  } catch (const parquet::ParquetStatusException& exception) {
    if (exception.status().IsOutOfMemory()) return absl::ResourceExhaustedError(StrCat(what, ": ", exception.what()));
    return absl::DataLossError(StrCat(what, ": ", exception.what()));
  } catch (const std::exception& exception) {
    return absl::DataLossError(StrCat(what, ": ", exception.what()));
  }
}

// One column of a row group, which is not repeated: it has a value or a null a row. Throws what Parquet throws.
template <typename Type>
class Column {
 public:
  using Value = typename Type::c_type;

  // Column `index` of a row group.
  Column(const parquet::FileMetaData& file, const parquet::RowGroupMetaData& group, int index,
         std::shared_ptr<ChunkStream> stream, const parquet::ReaderProperties& properties)
      : stream_(std::move(stream)) {
    const std::unique_ptr<parquet::ColumnChunkMetaData> chunk = group.ColumnChunk(index);
    const parquet::ColumnDescriptor* const description = file.schema()->Column(index);
    // Pages of the second version did not say that they are compressed (ARROW-17100).
    const bool always_compressed =
        file.writer_version().VersionLt(parquet::ApplicationVersion::PARQUET_CPP_10353_FIXED_VERSION());
    std::unique_ptr<parquet::PageReader> pages = parquet::PageReader::Open(
        stream_, chunk->num_values(), chunk->compression(), properties, *description, always_compressed);
    pages->set_data_page_filter([this](const parquet::DataPageStats& page) { return PassesOverPage(page.num_values); });
    reader_ = std::static_pointer_cast<parquet::TypedColumnReader<Type>>(
        parquet::ColumnReader::Make(description, std::move(pages), properties.memory_pool()));
  }
  Column(const Column&) = delete;
  Column& operator=(const Column&) = delete;

  // Of a row of the group; nullopt is a null. What the value points to is good until the next call. REQUIRES: the row
  // is none that was read, nor before one.
  std::optional<Value> Read(int64_t row) {
    wanted_row_ = row;
    if (row >= page_end_) {
      Skip(page_end_ - next_row_);
      if (!reader_->HasNext()) throw parquet::ParquetException("the column has no such row");
      next_row_ = page_begin_;
    }
    Skip(row - next_row_);
    int16_t definition_level = 0, repetition_level = 0;
    int64_t values = 0;
    Value value = {};
    if (reader_->ReadBatch(1, &definition_level, &repetition_level, &value, &values) != 1) {
      throw parquet::ParquetException("the page has fewer values than it states");
    }
    next_row_ = row + 1;
    return values == 1 ? std::optional<Value>(value) : std::nullopt;
  }

 private:
  // Pages before the wanted row need not be read.
  bool PassesOverPage(int32_t num_values) {
    page_begin_ = page_end_;
    page_end_ += num_values;
    if (page_end_ > wanted_row_) return false;
    stream_->PassOverNextRead();
    return true;
  }

  void Skip(int64_t rows) {
    if (rows > 0 && reader_->Skip(rows) != rows) {
      throw parquet::ParquetException("the page has fewer values than it states");
    }
  }

  const std::shared_ptr<ChunkStream> stream_;
  std::shared_ptr<parquet::TypedColumnReader<Type>> reader_;
  int64_t wanted_row_ = 0;
  int64_t next_row_ = 0;
  int64_t page_begin_ = 0, page_end_ = 0;  // rows of the page that is open
};

// Which leaves of a file's schema are read; -1: the file has none.
struct Leaves {
  int picture = -1, path = -1, label = -1;
};

bool IsInteger(const parquet::ColumnDescriptor& leaf) {
  const bool is_number = leaf.physical_type() == parquet::Type::INT32 || leaf.physical_type() == parquet::Type::INT64;
  return is_number && (leaf.logical_type()->is_none() || leaf.logical_type()->is_int());
}

bool IsUnsigned(const parquet::ColumnDescriptor& leaf) {
  return leaf.logical_type()->is_int() &&
         !static_cast<const parquet::IntLogicalType&>(*leaf.logical_type()).is_signed();
}

absl::StatusOr<Leaves> FindLeaves(const parquet::SchemaDescriptor& schema, const std::string& name,
                                  const std::string& picture_column) {
  Leaves leaves;
  size_t label_rank = kLabelColumns.size();
  std::vector<std::string> names;
  for (int i = 0; i < schema.num_columns(); ++i) {
    const parquet::ColumnDescriptor& leaf = *schema.Column(i);
    const std::shared_ptr<parquet::schema::ColumnPath> column_path = leaf.path();
    const std::vector<std::string>& path = column_path->ToDotVector();
    names.push_back(column_path->ToDotString());
    if (leaf.max_repetition_level() > 0) continue;
    const bool is_bytes = leaf.physical_type() == parquet::Type::BYTE_ARRAY;
    if (is_bytes && path.front() == picture_column) {
      if (path.size() == 1 || (path.size() == 2 && path[1] == "bytes")) leaves.picture = i;
      if (path.size() == 2 && path[1] == "path") leaves.path = i;
    }
    const size_t rank = std::ranges::find(kLabelColumns, path.front()) - kLabelColumns.begin();
    if (path.size() == 1 && IsInteger(leaf) && rank < label_rank) {
      leaves.label = i;
      label_rank = rank;
    }
  }
  if (leaves.picture >= 0) return leaves;
  constexpr size_t kMaxShown = 20;
  std::string shown;
  for (size_t i = 0; i < std::min(names.size(), kMaxShown); ++i) shown += (i == 0 ? "" : ", ") + names[i];
  return absl::InvalidArgumentError(StrCat("parquet file '", name, "' has no column '", picture_column,
                                           "' of bytes, or of structs of `bytes` and `path`; of its ", names.size(),
                                           " columns the first are: ", shown));
}

class ArrowParquetReader : public ParquetReader {
 public:
  ArrowParquetReader(std::string name, std::unique_ptr<vitok::RandomAccessFile> file, const ParquetReadOptions& options)
      : name_(std::move(name)),
        options_(options),
        counted_pool_(arrow::system_memory_pool()),
        pool_(&counted_pool_, kMaxParquetBytes),
        properties_(&pool_),
        file_(std::make_shared<ArrowFile>(std::move(file), &pool_)) {}

  // Must come first.
  absl::Status Open() {
    try {
      properties_.set_page_checksum_verification(true);
      metadata_ = parquet::ParquetFileReader::Open(file_, properties_)->metadata();
      int64_t rows = 0;
      for (int i = 0; i < metadata_->num_row_groups(); ++i) {
        const int64_t group_rows = metadata_->RowGroup(i)->num_rows();
        if (group_rows < 0 || group_rows > INT64_MAX - rows) {
          throw parquet::ParquetException("a row group of " + std::to_string(group_rows) + " rows");
        }
        group_ends_.push_back(rows += group_rows);
      }
      VITOK_ASSIGN_OR_RETURN(leaves_, FindLeaves(*metadata_->schema(), name_, options_.picture_column));
      return absl::OkStatus();
    } catch (const std::exception&) {
      return StatusOfException(*file_, StrCat("'", name_, "' is no parquet file, or is damaged or cut off"));
    }
  }

  int64_t num_rows() const override { return group_ends_.empty() ? 0 : group_ends_.back(); }

  absl::StatusOr<ParquetRow> Read(int64_t row) override {
    try {
      MoveToGroupOf(row);
      next_row_ = row + 1;
      return ReadFromGroup(row - group_begin_);
    } catch (const std::exception&) {
      group_.reset();
      return StatusOfException(*file_, StrCat("parquet file '", name_, "' is damaged or cut off at row ", row));
    }
  }

 private:
  // A row group whose columns are read side by side.
  struct Group {
    std::optional<Column<parquet::ByteArrayType>> picture, path;
    std::optional<Column<parquet::Int32Type>> label32;
    std::optional<Column<parquet::Int64Type>> label64;
  };

  void MoveToGroupOf(int64_t row) {
    if (group_ != nullptr && row >= next_row_ && row < group_end_) return;
    const auto end = std::ranges::upper_bound(group_ends_, row);
    const auto index = static_cast<int>(end - group_ends_.begin());
    group_.reset();
    group_begin_ = index == 0 ? 0 : group_ends_[index - 1];
    group_end_ = *end;
    auto group = std::make_unique<Group>();
    const std::unique_ptr<parquet::RowGroupMetaData> description = metadata_->RowGroup(index);
    const auto open = [&](auto& column, int leaf) {
      const auto [begin, end] = BytesOfChunk(*metadata_, *description->ColumnChunk(leaf), *file_->GetSize());
      column.emplace(*metadata_, *description, leaf, std::make_shared<ChunkStream>(file_, begin, end, &pool_),
                     properties_);
    };
    open(group->picture, leaves_.picture);
    if (leaves_.path >= 0) open(group->path, leaves_.path);
    if (leaves_.label >= 0) {
      if (Description(leaves_.label)->physical_type() == parquet::Type::INT32) {
        open(group->label32, leaves_.label);
      } else {
        open(group->label64, leaves_.label);
      }
    }
    group_ = std::move(group);
  }

  const parquet::ColumnDescriptor* Description(int leaf) const { return metadata_->schema()->Column(leaf); }

  ParquetRow ReadFromGroup(int64_t row) {
    ParquetRow result;
    if (const std::optional<parquet::ByteArray> picture = group_->picture->Read(row); !picture.has_value()) {
      result.problem = absl::NotFoundError(StrCat("the row has no picture: '", options_.picture_column, "' is null"));
    } else if (picture->len > options_.max_picture_bytes) {
      result.problem = absl::InvalidArgumentError(
          StrCat("the picture has ", picture->len, " bytes; at most ", options_.max_picture_bytes, " are read"));
    } else {
      result.picture.assign(reinterpret_cast<const char*>(picture->ptr), picture->len);
    }
    if (group_->path.has_value()) {
      if (const std::optional<parquet::ByteArray> path = group_->path->Read(row); path.has_value()) {
        result.path.assign(reinterpret_cast<const char*>(path->ptr), std::min(path->len, kMaxPathBytes));
      }
    }
    ReadLabel(row, result);
    return result;
  }

  void ReadLabel(int64_t row, ParquetRow& result) {
    const bool is_unsigned = leaves_.label >= 0 && IsUnsigned(*Description(leaves_.label));
    if (group_->label32.has_value()) {
      if (const std::optional<int32_t> label = group_->label32->Read(row); label.has_value()) {
        result.label = is_unsigned ? int64_t{static_cast<uint32_t>(*label)} : *label;
      }
    } else if (group_->label64.has_value()) {
      if (const std::optional<int64_t> label = group_->label64->Read(row); label.has_value()) {
        result.label = *label;
        if (is_unsigned && *label < 0 && result.problem.ok()) {
          result.problem = absl::InvalidArgumentError(
              StrCat("label must be at most ", INT64_MAX, "; was ", static_cast<uint64_t>(*label)));
        }
      }
    }
  }

  const std::string name_;
  const ParquetReadOptions options_;
  arrow::ProxyMemoryPool counted_pool_;  // counts this reader's memory alone
  arrow::CappedMemoryPool pool_;
  parquet::ReaderProperties properties_;
  const std::shared_ptr<ArrowFile> file_;
  std::shared_ptr<parquet::FileMetaData> metadata_;
  Leaves leaves_;
  std::vector<int64_t> group_ends_;  // rows in all groups up to each

  std::unique_ptr<Group> group_;  // of the row that was read last; null before and after an error
  int64_t group_begin_ = 0, group_end_ = 0;
  int64_t next_row_ = 0;
};

absl::StatusOr<std::unique_ptr<ParquetReader>> OpenParquet(const std::string& name,
                                                           std::unique_ptr<RandomAccessFile> file,
                                                           const ParquetReadOptions& options) {
  auto reader = std::make_unique<ArrowParquetReader>(name, std::move(file), options);
  VITOK_RETURN_IF_ERROR(reader->Open());
  return reader;
}

}  // namespace
}  // namespace vitok

extern "C" __attribute__((visibility("default"))) const vitok::ParquetPlugin* vitok_parquet_plugin() {
  static constexpr vitok::ParquetPlugin kPlugin = {vitok::kParquetPluginVersion, vitok::OpenParquet};
  return &kPlugin;
}
