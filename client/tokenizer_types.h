// What TokenizerClient sends and gives back: plain structs, free of protobuf and torch. Field by field they follow
// proto/vitok/v1/tokenizer.proto.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/dtype.h"
#include "core/image/rgb_image.h"

namespace vitok {

// A tensor that owns its bytes: C-contiguous, little-endian, product(shape) · SizeInBytes(dtype) bytes.
struct HostTensor {
  DType dtype = DType::kFloat32;
  std::vector<int64_t> shape;
  std::string data;

  friend bool operator==(const HostTensor&, const HostTensor&) = default;
};

// A picture file: JPEG, PNG, WebP, BMP, TIFF or GIF.
struct EncodedImage {
  std::string bytes;
};

// An image that is already cut into patches of side P.
struct PatchDict {
  HostTensor patches;                    // float32, float16 or bfloat16 [N, 3·P·P] in [-1, 1]; order channel, y, x
  std::optional<HostTensor> patch_mask;  // bool or uint8 [N]; true: valid
  HostTensor row_idx;                    // int32 or int64 [N], in patches
  HostTensor col_idx;
  int32_t original_height_px = 0;  // before padding to a multiple of P; 0: grid_rows · P
  int32_t original_width_px = 0;
  int32_t grid_rows = 0;  // 0: largest row + 1
  int32_t grid_cols = 0;
};

using ImageInput = std::variant<EncodedImage, RgbImage, PatchDict>;

// Latents of one image: z is [N, C] with row_idx and col_idx, or [N, C] in raster order of the grid, or [C, h, w].
struct Latents {
  HostTensor z;                       // float32, float16 or bfloat16
  std::optional<HostTensor> row_idx;  // int32 or int64 [N], in patches
  std::optional<HostTensor> col_idx;
  int32_t grid_rows = 0;
  int32_t grid_cols = 0;
  int32_t height_px = 0;  // size of the picture; 0: grid_rows · P
  int32_t width_px = 0;

  friend bool operator==(const Latents&, const Latents&) = default;
};

enum class LatentLayout { kPacked, kGrid };  // [N, C] with row_idx and col_idx; [C, h, w]

enum class PixelFormat { kUint8, kFloat16, kBfloat16, kFloat32, kPng, kJpeg, kWebp };

// Content is a tensor (uint8 [H, W, 3], else float [3, H, W] in [-1, 1], not clamped) or a picture file, as asked for.
struct Picture {
  int32_t height_px = 0;
  int32_t width_px = 0;
  std::variant<HostTensor, EncodedImage> content;
};

// Time by stage. The stages of the server follow each other and add up to `total`; `round_trip` is what the caller
// waited, retries included.
struct Timings {
  absl::Duration preprocess;
  absl::Duration queue;
  absl::Duration host_to_device;
  absl::Duration compute;
  absl::Duration device_to_host;
  absl::Duration postprocess;
  absl::Duration total;
  absl::Duration round_trip;
};

// Which requests go first when the server is busy; none starves (vitok.v1.Priority).
enum class RequestPriority { kInteractive, kBatch, kBackground };

// Params of all methods: `traceparent` is the caller's place in a W3C trace, of which the call becomes a part
// ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"; the last digit 1: the trace is recorded); of a stream,
// all of its items do. Empty: none, and the server decides whether it traces the call. INVALID_ARGUMENT: another form.
struct EncodeParams {
  std::string model;                  // empty: the server's default
  std::string preprocess;             // for files and raw images; empty: the model's default
  std::optional<DType> latent_dtype;  // nullopt: the model's own
  LatentLayout latent_layout = LatentLayout::kPacked;
  bool allow_nonfinite = false;  // take patches with NaN or infinity
  RequestPriority priority = RequestPriority::kInteractive;
  std::string traceparent;
};

struct DecodeParams {
  std::string model;
  PixelFormat format = PixelFormat::kUint8;
  int32_t quality = 0;           // JPEG and WebP: 1..100 (WebP 101: lossless); 0: 95
  bool allow_nonfinite = false;  // take latents with NaN or infinity
  RequestPriority priority = RequestPriority::kInteractive;
  std::string traceparent;
};

struct ReconstructParams {
  std::string model;
  std::string preprocess;
  PixelFormat format = PixelFormat::kUint8;
  int32_t quality = 0;
  bool allow_nonfinite = false;
  RequestPriority priority = RequestPriority::kInteractive;
  std::string traceparent;
};

struct EncodeResult {
  Latents latents;
  int64_t tokens = 0;
  Timings timings;
};

struct PictureResult {
  Picture picture;
  int64_t tokens = 0;
  Timings timings;
};

// The answer to a call with several items: one result or error an item, in the order of the call.
template <typename Result>
struct BatchResult {
  std::string model;  // that answered
  std::vector<absl::StatusOr<Result>> items;
  Timings timings;  // of the item that finished last
};

struct ModelInfo {
  std::string name;
  int64_t version = 0;
  std::vector<std::string> aliases;  // that lead to this version
  std::string variant;
  int32_t patch_px = 0;
  int32_t latent_channels = 0;
  DType dtype = DType::kFloat32;
  std::string device;
  bool can_encode = false;
  bool can_decode = false;
  int64_t encoder_parameters = 0;
  int64_t decoder_parameters = 0;
  std::string preprocess;  // default pipeline
  bool is_default = false;
};

struct ServerLimits {
  int64_t max_message_bytes = 0;
  int64_t max_images_per_request = 0;
  int64_t max_image_tokens = 0;
  int64_t max_image_pixels = 0;
  int64_t max_batch_tokens = 0;
  int64_t max_queued_requests = 0;
  int64_t max_queued_tokens = 0;
  int64_t max_queued_bytes = 0;
  int64_t max_stream_requests = 0;  // of one stream: unanswered, or answered and not read
};

struct ServerInfo {
  std::string version;
  std::string build;
  std::vector<ModelInfo> models;
  ServerLimits limits;
};

}  // namespace vitok
