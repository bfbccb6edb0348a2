// Files on a disk or behind a URL, read from front to back or anywhere. Free of torch.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace vitok {

// Read from front to back. Used by one thread at a time. Errors name the stream.
class ByteStream {
 public:
  virtual ~ByteStream() = default;

  // Reads at most `out.size()` bytes and says how many; 0 is the end. May read less than there is.
  virtual absl::StatusOr<int64_t> Read(absl::Span<char> out) = 0;

  // Passes over at most `bytes` bytes, never beyond the end, and says how many; 0 where passing over is no cheaper than
  // reading.
  virtual absl::StatusOr<int64_t> Skip(int64_t bytes) = 0;
};

// Read anywhere. Thread-safe. Errors name the file.
class RandomAccessFile {
 public:
  virtual ~RandomAccessFile() = default;

  virtual int64_t size_bytes() const = 0;

  // Reads at most `out.size()` bytes from `offset` on and says how many; 0 at the end and beyond.
  virtual absl::StatusOr<int64_t> ReadAt(int64_t offset, absl::Span<char> out) = 0;
};

// The part before "://", in lower case; empty for a path.
std::string SchemeOf(std::string_view name);

// Opens the stream of that name (a path, or a URL of the scheme that the opener is for) at an offset within it.
// NOT_FOUND names what is not there. Thread-safe.
using StreamOpener =
    std::function<absl::StatusOr<std::unique_ptr<ByteStream>>(const std::string& name, int64_t offset)>;

// By the scheme of a URL in lower case ("hf"); paths have none.
using StreamOpeners = std::map<std::string, StreamOpener>;

// Opens the file of that name (a URL of the scheme that the opener is for). NOT_FOUND names what is not there.
// Thread-safe.
using FileOpener = std::function<absl::StatusOr<std::unique_ptr<RandomAccessFile>>(const std::string& name)>;

// By the scheme of a URL in lower case, as StreamOpeners.
using FileOpeners = std::map<std::string, FileOpener>;

// A file of this machine. Reads of it are announced to the system as sequential.
absl::StatusOr<std::unique_ptr<ByteStream>> OpenFileStream(const std::string& path, int64_t offset);

// NOT_FOUND, INTERNAL: it cannot be opened; INVALID_ARGUMENT: it is no regular file.
absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenRandomAccessFile(const std::string& path);

// Opens a path as a file, a URL by the opener of its scheme. UNIMPLEMENTED names a scheme without one.
absl::StatusOr<std::unique_ptr<ByteStream>> OpenStream(const StreamOpeners& openers, const std::string& name,
                                                       int64_t offset);

// The same for a file that is read anywhere.
absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenRandomAccessFile(const FileOpeners& openers,
                                                                       const std::string& name);

// All bytes of a file. RESOURCE_EXHAUSTED: more than max_bytes; NOT_FOUND, INTERNAL: it cannot be opened or read.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path, int64_t max_bytes);

}  // namespace vitok
