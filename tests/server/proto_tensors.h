// Builders of protobuf tensors, and what errors blame, for tests.
#pragma once

#include <ATen/ATen.h>

#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

#include "google/rpc/error_details.pb.h"
#include "server/status_details.h"
#include "server/tensor_convert.h"
#include "vitok/v1/tokenizer.pb.h"

namespace vitok {

inline v1::Tensor ProtoTensor(v1::DType dtype, std::initializer_list<int64_t> shape, std::string data) {
  v1::Tensor tensor;
  tensor.set_dtype(dtype);
  for (const int64_t size : shape) tensor.add_shape(size);
  tensor.set_data(std::move(data));
  return tensor;
}

inline v1::Tensor ToProtoTensor(const at::Tensor& values, DType dtype) {
  v1::Tensor tensor;
  WriteTensor(values, dtype, &tensor);
  return tensor;
}

// int32 [N]
inline v1::Tensor ProtoIndices(const std::vector<int32_t>& values) {
  return ProtoTensor(v1::DTYPE_INT32, {static_cast<int64_t>(values.size())},
                     std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(int32_t)));
}

// int64 [N]
inline v1::Tensor ProtoLongIndices(const std::vector<int64_t>& values) {
  return ProtoTensor(v1::DTYPE_INT64, {static_cast<int64_t>(values.size())},
                     std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(int64_t)));
}

// The field that a status blames, by its first BadRequest violation; "" if it blames none.
inline std::string BlamedField(const google::rpc::Status& status) {
  google::rpc::BadRequest details;
  if (status.details_size() == 0 || !status.details(0).UnpackTo(&details)) return "";
  return details.field_violations(0).field();
}
inline std::string BlamedField(const absl::Status& status) { return BlamedField(ToRpcStatus(status)); }

}  // namespace vitok
