#include "server/server_info.h"

#include <string>

#include "core/base/version.h"
#include "server/build_info.h"
#include "server/loaded_model.h"
#include "server/tensor_convert.h"

namespace vitok {
namespace {

void WriteModelInfo(const ModelRegistry::Entry& entry, v1::ModelInfo* message) {
  const LoadedModel& model = *entry.model;
  const TokenizerInfo& info = model.info();
  message->set_name(model.key.name);
  message->set_version(model.key.version);
  message->set_variant(info.variant);
  message->set_patch_px(static_cast<int32_t>(info.patch_px));
  message->set_latent_channels(static_cast<int32_t>(info.latent_channels));
  message->set_dtype(ToProto(info.dtype));
  message->set_device(info.device);
  message->set_can_encode(info.can_encode);
  message->set_can_decode(info.can_decode);
  message->set_encoder_parameters(info.encoder_parameters);
  message->set_decoder_parameters(info.decoder_parameters);
  message->set_preprocess(model.preprocess);
  message->set_is_default(entry.is_default);
  for (const std::string& alias : entry.aliases) message->add_aliases(alias);
  message->set_weight_bytes(entry.weight_bytes);
}

void WriteLimits(const ServerOptions& options, v1::Limits* message) {
  message->set_max_message_bytes(options.limits.max_message_bytes);
  message->set_max_images_per_request(options.limits.max_images_per_request);
  message->set_max_image_tokens(options.limits.max_image_tokens);
  message->set_max_image_pixels(options.limits.max_image_pixels);
  message->set_max_batch_tokens(options.batching.max_batch_tokens);
  message->set_max_queued_requests(options.batching.max_queued_requests);
  message->set_max_queued_tokens(options.batching.max_queued_tokens);
  message->set_max_queued_bytes(options.batching.max_queued_bytes);
  message->set_max_stream_requests(options.limits.max_stream_requests);
}

}  // namespace

void WriteModels(const ModelRegistry& models, google::protobuf::RepeatedPtrField<v1::ModelInfo>* messages) {
  for (const ModelRegistry::Entry& entry : models.List()) {
    if (entry.model != nullptr) WriteModelInfo(entry, messages->Add());
  }
}

void WriteServerInfo(const ServerOptions& options, const ModelRegistry& models, v1::GetServerInfoResponse* response) {
  response->set_version(std::string(Version()));
  response->set_build(BuildDescription());
  WriteModels(models, response->mutable_models());
  WriteLimits(options, response->mutable_limits());
}

}  // namespace vitok
