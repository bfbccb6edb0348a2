// What the readers of requests promise about the sequences that they give, for the fuzz targets of the server.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/model/tokenizer.h"
#include "core/tokens/packed_tokens.h"
#include "google/protobuf/message_lite.h"
#include "google/protobuf/stubs/logging.h"

namespace vitok {

// The message that `input` encodes; nullopt if it is none, as gRPC refuses it.
template <typename Message>
std::optional<Message> ParseMessage(std::string_view input) {
  // Strings that are not UTF-8 are logged.
  [[maybe_unused]] static auto* const log = google::protobuf::SetLogHandler(nullptr);
  Message message;
  if (!message.ParseFromArray(input.data(), static_cast<int>(input.size()))) return std::nullopt;
  return message;
}

// A model of patch side 2 whose latents are its patches (tests/support/fake_tokenizer.h).
TokenizerInfo FakeModelInfo();

// Requires what a model takes for granted (core/model/tokenizer.h): shapes, dtypes and devices; every token in a cell
// of its own, but for the padding tokens of a model that attends to them; finite values unless others are allowed.
// CheckImage takes pixels or patches, and returns the patches.
PatchSequence CheckImage(const TokenizerInput& image, const TokenizerInfo& model, bool allow_nonfinite);
void CheckLatentSequence(const LatentSequence& latents, const TokenizerInfo& model, bool allow_nonfinite);

}  // namespace vitok
