// The first directory of a TIFF structure: a TIFF file, or the EXIF block of another format (TIFF 6.0, section 2).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

namespace vitok {

// First values of the integer fields by tag, of the types that libtiff reads for them: of 1, 2, 4 or 8 bytes, signed or
// not. Negative values are large ones; those beyond 32 bits are 2^32 - 1. The first entry of a repeated tag counts, as
// in libtiff, whatever its type: a second one must not say another size than libtiff takes. nullopt if the header is
// not TIFF's or the directory is cut off.
std::optional<std::map<uint16_t, uint32_t>> ReadTiffDirectory(std::string_view bytes);

}  // namespace vitok
