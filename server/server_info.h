// What a server tells about itself: its models and limits.
#pragma once

#include "server/model_registry.h"
#include "server/server_config.h"
#include "vitok/v1/tokenizer.pb.h"

namespace vitok {

// One entry a READY model, in the order they were loaded, configured ones first.
void WriteModels(const ModelRegistry& models, google::protobuf::RepeatedPtrField<v1::ModelInfo>* messages);

void WriteServerInfo(const ServerOptions& options, const ModelRegistry& models, v1::GetServerInfoResponse* response);

}  // namespace vitok
