// What Encode and Reconstruct requests have in common: images and a pipeline to read them with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "server/image_input.h"
#include "server/loaded_model.h"
#include "server/status_details.h"

namespace vitok {

// Sets up `reading` for `request` (Encode or Reconstruct). A pipeline of the request's own is parsed into
// `own_pipeline`, which `reading` then points to. INVALID_ARGUMENT: the pipeline does not parse or does not fit the
// model.
template <typename Request>
absl::Status ReadImageOptions(const Request& request, const LoadedModel& model, const RequestLimits& limits,
                              std::optional<Preprocessor>& own_pipeline, ImageReading& reading) {
  reading = {.model = &model.info(),
             .preprocessor = &model.preprocessor,
             .max_tokens = limits.max_image_tokens,
             .max_pixels = limits.max_image_pixels,
             .allow_nonfinite = request.allow_nonfinite()};
  if (request.preprocess().empty()) return absl::OkStatus();
  absl::StatusOr<Preprocessor> parsed = ParsePipeline(request.preprocess(), model.info(), limits.max_image_pixels);
  if (!parsed.ok()) return AtField("preprocess", parsed.status());
  own_pipeline = *std::move(parsed);
  reading.preprocessor = &*own_pipeline;
  return absl::OkStatus();
}

}  // namespace vitok
