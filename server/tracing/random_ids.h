// Ids of new traces and spans. Free of torch.
#pragma once

#include "server/tracing/trace_context.h"

namespace vitok {

// Uniform over all valid ids, from a generator that each thread has of its own: nanoseconds, no lock. Not secret.
TraceId NewTraceId();
SpanId NewSpanId();

// True with this probability; REQUIRES: within [0, 1].
bool Chance(double probability);

}  // namespace vitok
