// gRPC's reflection service on or off, by server.
#pragma once

#include "grpcpp/grpcpp.h"

namespace vitok {

// gRPC's library adds reflection to every server of a program that links it; this takes it away again unless `on`.
void SetReflection(bool on, grpc::ServerBuilder& builder);

}  // namespace vitok
