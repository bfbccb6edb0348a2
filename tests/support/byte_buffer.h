// Messages as gRPC holds them, from texts and back.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace vitok {

// In pieces of `piece` bytes, as messages come from the network.
inline grpc::ByteBuffer InPieces(std::string_view bytes, size_t piece) {
  std::vector<grpc::Slice> slices;
  for (; !bytes.empty(); bytes.remove_prefix(slices.back().size())) {
    slices.emplace_back(bytes.data(), std::min(piece, bytes.size()));
  }
  return grpc::ByteBuffer(slices.data(), slices.size());
}

inline std::string Joined(const grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  bytes.Dump(&slices);
  std::string joined;
  for (const grpc::Slice& slice : slices) joined.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return joined;
}

}  // namespace vitok
