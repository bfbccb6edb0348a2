#include "server/tracing/random_ids.h"

#include <cstdint>

#include "absl/random/random.h"

namespace vitok {
namespace {

absl::InsecureBitGen& Generator() {
  thread_local absl::InsecureBitGen generator;  // seeded from the system's entropy
  return generator;
}

}  // namespace

TraceId NewTraceId() {
  absl::InsecureBitGen& generator = Generator();
  TraceId id;
  while (!id.valid()) id = {absl::Uniform<uint64_t>(generator), absl::Uniform<uint64_t>(generator)};
  return id;
}

SpanId NewSpanId() {
  absl::InsecureBitGen& generator = Generator();
  SpanId id;
  while (!id.valid()) id = {absl::Uniform<uint64_t>(generator)};
  return id;
}

bool Chance(double probability) { return absl::Bernoulli(Generator(), probability); }

}  // namespace vitok
