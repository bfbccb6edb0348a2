#include "client/latent_file.h"

#include <cstring>
#include <map>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/weights/safetensors.h"

namespace vitok {
namespace {

constexpr char kFormat[] = "vitok-latents-1";

std::string ShapeString(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += StrCat(i == 0 ? "" : ", ", shape[i]);
  return text + "]";
}

absl::StatusOr<std::string> FindText(const SafetensorsFile& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end()) return absl::InvalidArgumentError(StrCat("metadata lacks \"", key, "\""));
  return found->second;
}

absl::StatusOr<int32_t> FindPositive(const SafetensorsFile& file, const std::string& key) {
  VITOK_ASSIGN_OR_RETURN(const std::string text, FindText(file, key));
  int32_t value = 0;
  if (!absl::SimpleAtoi(text, &value) || value <= 0) {
    return absl::InvalidArgumentError(StrCat("metadata \"", key, "\" must be a positive number; was \"", text, "\""));
  }
  return value;
}

absl::StatusOr<HostTensor> FindTensor(const SafetensorsFile& file, const std::string& name) {
  const auto found = file.tensors().find(name);
  if (found == file.tensors().end()) return absl::InvalidArgumentError(StrCat("tensor \"", name, "\" is missing"));
  const TensorView& view = found->second;
  return HostTensor{view.dtype, view.shape, std::string(view.bytes)};
}

absl::Status CheckIndex(std::string_view name, const HostTensor& index, int64_t num_tokens, int32_t bound) {
  if (index.dtype != DType::kInt32 || index.shape != std::vector<int64_t>{num_tokens}) {
    return absl::InvalidArgumentError(StrCat("tensor \"", name, "\" must be int32 [", num_tokens, "]; was ",
                                             DTypeName(index.dtype), " ", ShapeString(index.shape)));
  }
  for (int64_t i = 0; i < num_tokens; ++i) {
    int32_t value;
    std::memcpy(&value, index.data.data() + i * sizeof(value), sizeof(value));
    if (value < 0 || value >= bound) {
      return absl::InvalidArgumentError(
          StrCat(name, "[", i, "] must lie in the grid, 0 to ", bound - 1, "; was ", value));
    }
  }
  return absl::OkStatus();
}

// REQUIRES: CheckIndex passed for both.
absl::Status CheckCellsDiffer(const Latents& latents) {
  const int64_t num_tokens = latents.z.shape[0];
  std::vector<bool> seen(num_tokens);
  for (int64_t i = 0; i < num_tokens; ++i) {
    int32_t row, col;
    std::memcpy(&row, latents.row_idx->data.data() + i * sizeof(row), sizeof(row));
    std::memcpy(&col, latents.col_idx->data.data() + i * sizeof(col), sizeof(col));
    const int64_t cell = int64_t{row} * latents.grid_cols + col;
    if (seen[cell]) return absl::InvalidArgumentError(StrCat("row ", row, ", column ", col, " is named twice"));
    seen[cell] = true;
  }
  return absl::OkStatus();
}

// The last row (or column) of patches must hold at least one pixel.
absl::Status CheckSize(std::string_view name, int64_t size_px, int64_t grid, int64_t patch_px) {
  if (size_px > (grid - 1) * patch_px && size_px <= grid * patch_px) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat(name, " must lie in ", (grid - 1) * patch_px + 1, " to ", grid * patch_px,
                                           " (", grid, " patches of ", patch_px, "); was ", size_px));
}

absl::Status Check(const LatentFile& file) {
  const Latents& latents = file.latents;
  const HostTensor& z = latents.z;
  if (z.dtype != DType::kFloat32 && z.dtype != DType::kFloat16 && z.dtype != DType::kBfloat16) {
    return absl::InvalidArgumentError(
        StrCat("tensor \"z\" must be float32, float16 or bfloat16; was ", DTypeName(z.dtype)));
  }
  if (z.shape.size() != 2 || z.shape[0] < 1 || z.shape[1] < 1) {
    return absl::InvalidArgumentError(StrCat("tensor \"z\" must have shape [N, C]; was ", ShapeString(z.shape)));
  }
  const int64_t num_tokens = z.shape[0];
  const int64_t num_cells = int64_t{latents.grid_rows} * latents.grid_cols;
  if (num_tokens != num_cells) {
    return absl::InvalidArgumentError(StrCat("z must have grid_rows * grid_cols = ", latents.grid_rows, " * ",
                                             latents.grid_cols, " = ", num_cells, " tokens; was ", num_tokens));
  }
  if (!latents.row_idx || !latents.col_idx) return absl::InvalidArgumentError("row_idx and col_idx are required");
  VITOK_RETURN_IF_ERROR(CheckIndex("row_idx", *latents.row_idx, num_tokens, latents.grid_rows));
  VITOK_RETURN_IF_ERROR(CheckIndex("col_idx", *latents.col_idx, num_tokens, latents.grid_cols));
  VITOK_RETURN_IF_ERROR(CheckCellsDiffer(latents));
  VITOK_RETURN_IF_ERROR(CheckSize("height_px", latents.height_px, latents.grid_rows, file.patch_px));
  return CheckSize("width_px", latents.width_px, latents.grid_cols, file.patch_px);
}

absl::StatusOr<LatentFile> FromSafetensors(const SafetensorsFile& file) {
  VITOK_ASSIGN_OR_RETURN(const std::string format, FindText(file, "format"));
  if (format != kFormat) {
    return absl::InvalidArgumentError(StrCat("format must be \"", kFormat, "\"; was \"", format, "\""));
  }
  LatentFile out;
  VITOK_ASSIGN_OR_RETURN(out.model, FindText(file, "model"));
  VITOK_ASSIGN_OR_RETURN(out.variant, FindText(file, "variant"));
  VITOK_ASSIGN_OR_RETURN(out.patch_px, FindPositive(file, "patch_px"));
  Latents& latents = out.latents;
  VITOK_ASSIGN_OR_RETURN(latents.height_px, FindPositive(file, "height_px"));
  VITOK_ASSIGN_OR_RETURN(latents.width_px, FindPositive(file, "width_px"));
  VITOK_ASSIGN_OR_RETURN(latents.grid_rows, FindPositive(file, "grid_rows"));
  VITOK_ASSIGN_OR_RETURN(latents.grid_cols, FindPositive(file, "grid_cols"));
  VITOK_ASSIGN_OR_RETURN(latents.z, FindTensor(file, "z"));
  VITOK_ASSIGN_OR_RETURN(latents.row_idx, FindTensor(file, "row_idx"));
  VITOK_ASSIGN_OR_RETURN(latents.col_idx, FindTensor(file, "col_idx"));
  VITOK_RETURN_IF_ERROR(Check(out));
  return out;
}

TensorView View(const HostTensor& tensor) { return {tensor.dtype, tensor.shape, tensor.data}; }

}  // namespace

absl::Status WriteLatentFile(const std::string& path, const LatentFile& file) {
  if (absl::Status checked = Check(file); !checked.ok()) {
    return absl::InvalidArgumentError(StrCat(path, ": ", std::string(checked.message())));
  }
  const Latents& latents = file.latents;
  const std::map<std::string, TensorView> tensors = {
      {"z", View(latents.z)}, {"row_idx", View(*latents.row_idx)}, {"col_idx", View(*latents.col_idx)}};
  const std::map<std::string, std::string> metadata = {
      {"format", kFormat},
      {"model", file.model},
      {"variant", file.variant},
      {"patch_px", StrCat(file.patch_px)},
      {"height_px", StrCat(latents.height_px)},
      {"width_px", StrCat(latents.width_px)},
      {"grid_rows", StrCat(latents.grid_rows)},
      {"grid_cols", StrCat(latents.grid_cols)},
  };
  return WriteSafetensors(path, tensors, metadata);
}

absl::StatusOr<LatentFile> ReadLatentFile(const std::string& path) {
  VITOK_ASSIGN_OR_RETURN(const std::unique_ptr<SafetensorsFile> file, SafetensorsFile::Open(path));
  absl::StatusOr<LatentFile> out = FromSafetensors(*file);
  if (!out.ok()) return absl::Status(out.status().code(), StrCat(path, ": ", std::string(out.status().message())));
  return out;
}

}  // namespace vitok
