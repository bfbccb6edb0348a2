// Parts that the results of all methods have.
#pragma once

#include "absl/status/status.h"
#include "server/request_timings.h"
#include "server/status_details.h"

namespace vitok {

// Writes status, tokens and timings of an EncodeResult or PictureResult; an error clears everything else.
template <typename Result>
void EndResult(const absl::Status& status, int64_t tokens, const RequestTimings& timings, Result* result) {
  if (!status.ok()) result->Clear();
  *result->mutable_status() = ToRpcStatus(status);
  result->set_tokens(tokens);
  timings.WriteTo(result->mutable_timings());
}

// Puts the model's name and an empty result an item into a reply.
template <typename Response>
void StartResults(const std::string& model, int num_items, Response* response) {
  response->set_model(model);
  for (int i = 0; i < num_items; ++i) response->add_results();
}

}  // namespace vitok
