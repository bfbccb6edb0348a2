#include "client/cli/server_report.h"

#include <string_view>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/cli/text_table.h"
#include "core/base/dtype.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

using nlohmann::ordered_json;

std::string_view CallsOf(const ModelInfo& model) {
  if (model.can_encode && model.can_decode) return "encode, decode";
  return model.can_encode ? "encode" : model.can_decode ? "decode" : "-";
}

std::vector<std::string> Row(const ModelInfo& model) {
  return {model.is_default ? "*" : " ",
          model.name,
          StrCat(model.version),
          absl::StrJoin(model.aliases, ","),
          model.variant,
          StrCat(model.patch_px, " px"),
          StrCat(model.latent_channels),
          std::string(DTypeName(model.dtype)),
          model.device,
          std::string(CallsOf(model)),
          absl::StrFormat("%.1f M", (model.encoder_parameters + model.decoder_parameters) / 1e6)};
}

}  // namespace

ordered_json ToJson(const ModelInfo& model) {
  return {{"name", model.name},
          {"version", model.version},
          {"aliases", model.aliases},
          {"variant", model.variant},
          {"patch_px", model.patch_px},
          {"latent_channels", model.latent_channels},
          {"dtype", DTypeName(model.dtype)},
          {"device", model.device},
          {"can_encode", model.can_encode},
          {"can_decode", model.can_decode},
          {"encoder_parameters", model.encoder_parameters},
          {"decoder_parameters", model.decoder_parameters},
          {"preprocess", model.preprocess},
          {"is_default", model.is_default}};
}

ordered_json ToJson(const ServerInfo& info) {
  ordered_json models = ordered_json::array();
  for (const ModelInfo& model : info.models) models.push_back(ToJson(model));
  const ServerLimits& limits = info.limits;
  return {{"version", info.version},
          {"build", info.build},
          {"models", models},
          {"limits",
           {{"max_message_bytes", limits.max_message_bytes},
            {"max_images_per_request", limits.max_images_per_request},
            {"max_image_tokens", limits.max_image_tokens},
            {"max_image_pixels", limits.max_image_pixels},
            {"max_batch_tokens", limits.max_batch_tokens},
            {"max_queued_requests", limits.max_queued_requests},
            {"max_queued_tokens", limits.max_queued_tokens},
            {"max_queued_bytes", limits.max_queued_bytes},
            {"max_stream_requests", limits.max_stream_requests}}}};
}

std::string ModelTable(const std::vector<ModelInfo>& models) {
  std::vector<std::vector<std::string>> rows = {
      {" ", "model", "version", "aliases", "variant", "patch", "channels", "dtype", "device", "calls", "parameters"}};
  for (const ModelInfo& model : models) rows.push_back(Row(model));
  return TextTable(rows);
}

std::string InfoText(const ServerInfo& info) {
  std::string text;
  const auto add = [&text](std::string_view name, const std::string& value) {
    absl::StrAppendFormat(&text, "%-23s %s\n", ToAbsl(name), value);
  };
  add("version", info.version);
  add("build", info.build);
  add("models", StrCat(info.models.size()));
  add("max_message_bytes", StrCat(info.limits.max_message_bytes));
  add("max_images_per_request", StrCat(info.limits.max_images_per_request));
  add("max_image_tokens", StrCat(info.limits.max_image_tokens));
  add("max_image_pixels", StrCat(info.limits.max_image_pixels));
  add("max_batch_tokens", StrCat(info.limits.max_batch_tokens));
  add("max_queued_requests", StrCat(info.limits.max_queued_requests));
  add("max_queued_tokens", StrCat(info.limits.max_queued_tokens));
  add("max_queued_bytes", StrCat(info.limits.max_queued_bytes));
  add("max_stream_requests", StrCat(info.limits.max_stream_requests));
  return text;
}

}  // namespace vitok
