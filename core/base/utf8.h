// Whether bytes are text.
#pragma once

#include <string_view>

namespace vitok {

// True if `text` is UTF-8 (RFC 3629): no cut-off or overlong sequences, no surrogates, nothing beyond U+10FFFF.
bool IsUtf8(std::string_view text);

}  // namespace vitok
