// W3C trace context of a call (https://www.w3.org/TR/trace-context/).
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace vitok {

// OK for "" (none) and for a traceparent of version 00: "00-", 32 hexadecimal digits of the trace, "-", 16 of the
// caller's span, "-", 2 of flags; all lower-case. INVALID_ARGUMENT: anything else. A server would ignore it.
absl::Status CheckTraceparent(std::string_view text);

}  // namespace vitok
