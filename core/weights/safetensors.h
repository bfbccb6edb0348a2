// The safetensors file format (github.com/huggingface/safetensors, README "Format"): reader over a memory map, and
// writer. Free of torch, so that the client can store latents. Files are untrusted: everything is checked before it is
// used.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/dtype.h"

namespace vitok {

// A tensor as it lies in a file: C-contiguous, little-endian. `bytes` points into the file's map (reader) or to memory
// of the caller (writer).
struct TensorView {
  DType dtype = DType::kFloat32;
  std::vector<int64_t> shape;  // empty: a scalar
  std::string_view bytes;
};

// A file that is open for reading. Views stay valid as long as this object lives. Immutable: thread-safe.
class SafetensorsFile {
 public:
  // Longest header accepted, as in the format's own library.
  static constexpr int64_t kMaxHeaderBytes = 100'000'000;

  // Maps the file and checks all of it. NOT_FOUND: no such file. INVALID_ARGUMENT (naming path, tensor, value and
  // bound): shorter than 8 bytes, header length over the cap or the file, header no JSON object, unknown dtype,
  // negative dimension, product of dimensions that overflows, offsets reversed, out of the file, overlapping or with
  // holes, byte count that differs from shape × dtype, repeated name, data that does not fill the file.
  static absl::StatusOr<std::unique_ptr<SafetensorsFile>> Open(const std::string& path);

  // The same over bytes in memory, which must outlive the object. `name` stands for the path in messages.
  static absl::StatusOr<std::unique_ptr<SafetensorsFile>> Parse(std::string_view bytes, std::string name);

  ~SafetensorsFile();
  SafetensorsFile(const SafetensorsFile&) = delete;
  SafetensorsFile& operator=(const SafetensorsFile&) = delete;

  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const std::string& path() const { return path_; }

  // NOT_FOUND names the tensor and the file.
  absl::StatusOr<TensorView> Find(std::string_view name) const;

 private:
  SafetensorsFile() = default;
  std::string path_;
  std::string_view map_;  // the mapped file; empty when made by Parse
  std::map<std::string, TensorView> tensors_;
  std::map<std::string, std::string> metadata_;
};

// The file's bytes: header (padded to 8 bytes) and data, tensors in the order of their names.
// INVALID_ARGUMENT: byte count that differs from shape × dtype (naming the tensor and both counts).
absl::StatusOr<std::string> SerializeSafetensors(const std::map<std::string, TensorView>& tensors,
                                                 const std::map<std::string, std::string>& metadata = {});

// Writes the file under a temporary name and renames it, so that a reader never sees half a file.
// INTERNAL with the system's reason when it cannot be written.
absl::Status WriteSafetensors(const std::string& path, const std::map<std::string, TensorView>& tensors,
                              const std::map<std::string, std::string>& metadata = {});

}  // namespace vitok
