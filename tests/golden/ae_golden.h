// Test bodies of the autoencoder and module cases; ae_golden_suite.cc registers them.
#pragma once

#include <nlohmann/json.hpp>

#include "tests/golden/ae_case.h"

namespace vitok::golden {

// encode(patches) = z, decode(z) = decoded, decode(encode(patches)) = decoded, and pictures where the case has them.
void CheckAutoencoder(const ModelGoldens& goldens, const nlohmann::json& entry);
// The same in bfloat16 against the float32 expectation of `base_entry`.
void CheckAutoencoderBf16(const ModelGoldens& goldens, const nlohmann::json& entry, const nlohmann::json& base_entry);
// Every intermediate of one small picture.
void CheckTrace(const ModelGoldens& goldens, const nlohmann::json& entry);
void CheckNorms(const ModelGoldens& goldens, const nlohmann::json& entry);
void CheckRope(const ModelGoldens& goldens, const nlohmann::json& entry);
void CheckSwiGlu(const ModelGoldens& goldens, const nlohmann::json& entry);

}  // namespace vitok::golden
