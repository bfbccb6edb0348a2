// The client's structs to protobuf messages and back. Replies are checked: a server is not trusted to send tensors
// whose bytes fit their shape.
#pragma once

#include "absl/status/statusor.h"
#include "client/tokenizer_types.h"
#include "vitok/v1/tokenizer.pb.h"

namespace vitok {

v1::EncodeRequest ToWire(std::vector<ImageInput> images, const EncodeParams& params);
v1::DecodeRequest ToWire(std::vector<Latents> latents, const DecodeParams& params);
v1::ReconstructRequest ToWire(std::vector<ImageInput> images, const ReconstructParams& params);

// INTERNAL, naming the field: a tensor whose byte count differs from its shape and dtype, an unknown dtype, a result
// without content. For an item with an error status: that error.
absl::StatusOr<EncodeResult> FromWire(v1::EncodeResult&& result);
absl::StatusOr<PictureResult> FromWire(v1::PictureResult&& result);

Timings FromWire(const v1::Timings& timings);
absl::StatusOr<std::vector<ModelInfo>> FromWire(const google::protobuf::RepeatedPtrField<v1::ModelInfo>& models);
absl::StatusOr<ServerInfo> FromWire(const v1::GetServerInfoResponse& info);

}  // namespace vitok
