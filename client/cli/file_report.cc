#include "client/cli/file_report.h"

#include <cmath>

namespace vitok {
namespace {

using nlohmann::ordered_json;

// Microsecond steps: more digits are noise.
double Milliseconds(absl::Duration duration) { return std::round(absl::ToDoubleMicroseconds(duration)) / 1000.0; }

ordered_json ToJson(const Timings& timings) {
  return {{"preprocess", Milliseconds(timings.preprocess)},
          {"queue", Milliseconds(timings.queue)},
          {"host_to_device", Milliseconds(timings.host_to_device)},
          {"compute", Milliseconds(timings.compute)},
          {"device_to_host", Milliseconds(timings.device_to_host)},
          {"postprocess", Milliseconds(timings.postprocess)},
          {"total", Milliseconds(timings.total)},
          {"round_trip", Milliseconds(timings.round_trip)}};
}

}  // namespace

ordered_json ToJson(const FileReport& report) {
  ordered_json object = {{"file", report.file},      {"output", report.output},    {"model", report.model},
                         {"width", report.width_px}, {"height", report.height_px}, {"tokens", report.tokens}};
  if (report.channels) object["channels"] = *report.channels;
  if (report.latent_bytes) object["latent_bytes"] = *report.latent_bytes;
  const bool is_number = report.psnr_db && std::isfinite(*report.psnr_db);
  object["psnr_db"] = is_number ? ordered_json(*report.psnr_db) : ordered_json(nullptr);
  if (report.psnr_db && !is_number) object["identical"] = true;
  object["timings_ms"] = ToJson(report.timings);
  return object;
}

ordered_json ErrorToJson(const std::string& file, const std::string& output, const absl::Status& status) {
  return {{"file", file},
          {"output", output},
          {"error", {{"code", absl::StatusCodeToString(status.code())}, {"message", std::string(status.message())}}}};
}

std::string OneLine(const ordered_json& object) {
  return object.dump(/*indent=*/-1, /*indent_char=*/' ', /*ensure_ascii=*/false,
                     ordered_json::error_handler_t::replace);
}

}  // namespace vitok
