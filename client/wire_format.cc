#include "client/wire_format.h"

#include <string_view>
#include <utility>

#include "client/call_status.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

v1::DType ToWire(DType dtype) {
  switch (dtype) {
    case DType::kBool: return v1::DTYPE_BOOL;
    case DType::kUint8: return v1::DTYPE_UINT8;
    case DType::kInt32: return v1::DTYPE_INT32;
    case DType::kInt64: return v1::DTYPE_INT64;
    case DType::kFloat16: return v1::DTYPE_FLOAT16;
    case DType::kBfloat16: return v1::DTYPE_BFLOAT16;
    case DType::kFloat32: return v1::DTYPE_FLOAT32;
  }
  return v1::DTYPE_UNSPECIFIED;
}

v1::PixelFormat ToWire(PixelFormat format) {
  switch (format) {
    case PixelFormat::kUint8: return v1::PIXEL_FORMAT_UINT8;
    case PixelFormat::kFloat16: return v1::PIXEL_FORMAT_FLOAT16;
    case PixelFormat::kBfloat16: return v1::PIXEL_FORMAT_BFLOAT16;
    case PixelFormat::kFloat32: return v1::PIXEL_FORMAT_FLOAT32;
    case PixelFormat::kPng: return v1::PIXEL_FORMAT_PNG;
    case PixelFormat::kJpeg: return v1::PIXEL_FORMAT_JPEG;
    case PixelFormat::kWebp: return v1::PIXEL_FORMAT_WEBP;
  }
  return v1::PIXEL_FORMAT_UNSPECIFIED;
}

void ToWire(HostTensor tensor, v1::Tensor& out) {
  out.set_dtype(ToWire(tensor.dtype));
  out.mutable_shape()->Add(tensor.shape.begin(), tensor.shape.end());
  out.set_data(std::move(tensor.data));
}

void ToWire(EncodedImage image, v1::ImageInput& out) { out.set_encoded(std::move(image.bytes)); }

void ToWire(RgbImage image, v1::ImageInput& out) {
  v1::Tensor& raw = *out.mutable_raw();
  raw.set_dtype(v1::DTYPE_UINT8);
  for (int64_t side : {image.height_px, image.width_px, 3}) raw.add_shape(side);
  raw.set_data(image.pixels_HWC.data(), image.pixels_HWC.size());
}

void ToWire(PatchDict dict, v1::ImageInput& out) {
  v1::PatchDict& patches = *out.mutable_patches();
  ToWire(std::move(dict.patches), *patches.mutable_patches());
  if (dict.patch_mask) ToWire(*std::move(dict.patch_mask), *patches.mutable_patch_mask());
  ToWire(std::move(dict.row_idx), *patches.mutable_row_idx());
  ToWire(std::move(dict.col_idx), *patches.mutable_col_idx());
  patches.set_original_height(dict.original_height_px);
  patches.set_original_width(dict.original_width_px);
  patches.set_grid_rows(dict.grid_rows);
  patches.set_grid_cols(dict.grid_cols);
}

v1::Priority ToWire(RequestPriority priority) {
  switch (priority) {
    case RequestPriority::kInteractive: return v1::PRIORITY_INTERACTIVE;
    case RequestPriority::kBatch: return v1::PRIORITY_BATCH;
    case RequestPriority::kBackground: return v1::PRIORITY_BACKGROUND;
  }
  return v1::PRIORITY_UNSPECIFIED;
}

template <typename Request, typename Params>
void SetPicture(const Params& params, Request& request) {
  request.mutable_picture()->set_format(ToWire(params.format));
  request.mutable_picture()->set_quality(params.quality);
}

template <typename Request>
void SetImages(std::vector<ImageInput> images, Request& request) {
  for (ImageInput& image : images) {
    v1::ImageInput& out = *request.add_images();
    std::visit([&out](auto&& input) { ToWire(std::move(input), out); }, std::move(image));
  }
}

absl::Status MalformedReply(std::string_view field, std::string_view problem) {
  return absl::InternalError(StrCat("the server's reply is malformed: ", field, " ", problem));
}

absl::StatusOr<DType> FromWire(std::string_view field, int dtype) {
  switch (dtype) {
    case v1::DTYPE_BOOL: return DType::kBool;
    case v1::DTYPE_UINT8: return DType::kUint8;
    case v1::DTYPE_INT32: return DType::kInt32;
    case v1::DTYPE_INT64: return DType::kInt64;
    case v1::DTYPE_FLOAT16: return DType::kFloat16;
    case v1::DTYPE_BFLOAT16: return DType::kBfloat16;
    case v1::DTYPE_FLOAT32: return DType::kFloat32;
    default: return MalformedReply(field, StrCat("has the unknown dtype ", dtype));
  }
}

absl::StatusOr<HostTensor> FromWire(std::string_view field, v1::Tensor&& tensor) {
  HostTensor out;
  VITOK_ASSIGN_OR_RETURN(out.dtype, FromWire(field, static_cast<int>(tensor.dtype())));
  int64_t expected_bytes = SizeInBytes(out.dtype);
  for (int64_t side : tensor.shape()) {
    if (side < 0 || __builtin_mul_overflow(expected_bytes, side, &expected_bytes)) {
      return MalformedReply(field, StrCat("has the dimension ", side, ", which is negative or makes it too large"));
    }
    out.shape.push_back(side);
  }
  if (expected_bytes != tensor.data().size()) {
    return MalformedReply(field,
                          StrCat("has ", tensor.data().size(), " bytes; its shape and dtype need ", expected_bytes));
  }
  out.data = std::move(*tensor.mutable_data());
  return out;
}

absl::StatusOr<Latents> FromWire(v1::Latents&& latents) {
  Latents out;
  VITOK_ASSIGN_OR_RETURN(out.z, FromWire("latents.z", std::move(*latents.mutable_z())));
  if (latents.has_row_idx()) {
    VITOK_ASSIGN_OR_RETURN(out.row_idx, FromWire("latents.row_idx", std::move(*latents.mutable_row_idx())));
  }
  if (latents.has_col_idx()) {
    VITOK_ASSIGN_OR_RETURN(out.col_idx, FromWire("latents.col_idx", std::move(*latents.mutable_col_idx())));
  }
  out.grid_rows = latents.grid_rows();
  out.grid_cols = latents.grid_cols();
  out.height_px = latents.height_px();
  out.width_px = latents.width_px();
  return out;
}

}  // namespace

v1::EncodeRequest ToWire(std::vector<ImageInput> images, const EncodeParams& params) {
  v1::EncodeRequest request;
  request.set_model(params.model);
  request.set_preprocess(params.preprocess);
  if (params.latent_dtype) request.set_latent_dtype(ToWire(*params.latent_dtype));
  request.set_latent_layout(params.latent_layout == LatentLayout::kGrid ? v1::LATENT_LAYOUT_GRID
                                                                        : v1::LATENT_LAYOUT_PACKED);
  request.set_allow_nonfinite(params.allow_nonfinite);
  request.set_priority(ToWire(params.priority));
  SetImages(std::move(images), request);
  return request;
}

v1::DecodeRequest ToWire(std::vector<Latents> latents, const DecodeParams& params) {
  v1::DecodeRequest request;
  request.set_model(params.model);
  SetPicture(params, request);
  request.set_allow_nonfinite(params.allow_nonfinite);
  request.set_priority(ToWire(params.priority));
  for (Latents& item : latents) {
    v1::Latents& out = *request.add_latents();
    ToWire(std::move(item.z), *out.mutable_z());
    if (item.row_idx) ToWire(*std::move(item.row_idx), *out.mutable_row_idx());
    if (item.col_idx) ToWire(*std::move(item.col_idx), *out.mutable_col_idx());
    out.set_grid_rows(item.grid_rows);
    out.set_grid_cols(item.grid_cols);
    out.set_height_px(item.height_px);
    out.set_width_px(item.width_px);
  }
  return request;
}

v1::ReconstructRequest ToWire(std::vector<ImageInput> images, const ReconstructParams& params) {
  v1::ReconstructRequest request;
  request.set_model(params.model);
  request.set_preprocess(params.preprocess);
  SetPicture(params, request);
  request.set_allow_nonfinite(params.allow_nonfinite);
  request.set_priority(ToWire(params.priority));
  SetImages(std::move(images), request);
  return request;
}

absl::StatusOr<EncodeResult> FromWire(v1::EncodeResult&& result) {
  VITOK_RETURN_IF_ERROR(ToAbslStatus(result.status()));
  if (!result.has_latents()) return MalformedReply("result", "has neither an error nor latents");
  EncodeResult out;
  VITOK_ASSIGN_OR_RETURN(out.latents, FromWire(std::move(*result.mutable_latents())));
  out.tokens = result.tokens();
  out.timings = FromWire(result.timings());
  return out;
}

absl::StatusOr<PictureResult> FromWire(v1::PictureResult&& result) {
  VITOK_RETURN_IF_ERROR(ToAbslStatus(result.status()));
  PictureResult out;
  v1::Picture& picture = *result.mutable_picture();
  switch (picture.content_case()) {
    case v1::Picture::kTensor: {
      VITOK_ASSIGN_OR_RETURN(out.picture.content, FromWire("picture.tensor", std::move(*picture.mutable_tensor())));
      break;
    }
    case v1::Picture::kEncoded: out.picture.content = EncodedImage{std::move(*picture.mutable_encoded())}; break;
    case v1::Picture::CONTENT_NOT_SET: return MalformedReply("result", "has neither an error nor a picture");
  }
  out.picture.height_px = picture.height_px();
  out.picture.width_px = picture.width_px();
  out.tokens = result.tokens();
  out.timings = FromWire(result.timings());
  return out;
}

Timings FromWire(const v1::Timings& timings) {
  return {.preprocess = absl::Nanoseconds(timings.preprocess_ns()),
          .queue = absl::Nanoseconds(timings.queue_ns()),
          .host_to_device = absl::Nanoseconds(timings.host_to_device_ns()),
          .compute = absl::Nanoseconds(timings.compute_ns()),
          .device_to_host = absl::Nanoseconds(timings.device_to_host_ns()),
          .postprocess = absl::Nanoseconds(timings.postprocess_ns()),
          .total = absl::Nanoseconds(timings.total_ns()),
          .round_trip = absl::ZeroDuration()};
}

absl::StatusOr<std::vector<ModelInfo>> FromWire(const google::protobuf::RepeatedPtrField<v1::ModelInfo>& models) {
  std::vector<ModelInfo> out;
  for (const v1::ModelInfo& model : models) {
    VITOK_ASSIGN_OR_RETURN(DType dtype, FromWire("models.dtype", static_cast<int>(model.dtype())));
    out.push_back({.name = model.name(),
                   .version = model.version(),
                   .aliases = {model.aliases().begin(), model.aliases().end()},
                   .variant = model.variant(),
                   .patch_px = model.patch_px(),
                   .latent_channels = model.latent_channels(),
                   .dtype = dtype,
                   .device = model.device(),
                   .can_encode = model.can_encode(),
                   .can_decode = model.can_decode(),
                   .encoder_parameters = model.encoder_parameters(),
                   .decoder_parameters = model.decoder_parameters(),
                   .preprocess = model.preprocess(),
                   .is_default = model.is_default()});
  }
  return out;
}

absl::StatusOr<ServerInfo> FromWire(const v1::GetServerInfoResponse& info) {
  ServerInfo out;
  out.version = info.version();
  out.build = info.build();
  VITOK_ASSIGN_OR_RETURN(out.models, FromWire(info.models()));
  const v1::Limits& limits = info.limits();
  out.limits = {.max_message_bytes = limits.max_message_bytes(),
                .max_images_per_request = limits.max_images_per_request(),
                .max_image_tokens = limits.max_image_tokens(),
                .max_image_pixels = limits.max_image_pixels(),
                .max_batch_tokens = limits.max_batch_tokens(),
                .max_queued_requests = limits.max_queued_requests(),
                .max_queued_tokens = limits.max_queued_tokens(),
                .max_queued_bytes = limits.max_queued_bytes(),
                .max_stream_requests = limits.max_stream_requests()};
  return out;
}

}  // namespace vitok
