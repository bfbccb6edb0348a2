// The first directory of a TIFF structure: a TIFF file, or the EXIF block of another format (TIFF 6.0, section 2).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

namespace vitok {

// First values of the integer fields (types BYTE, SHORT, LONG) by tag. The first entry of a repeated tag counts, as in
// libtiff, whatever its type: a second one must not say another size than libtiff takes. nullopt if the header is not
// TIFF's or the directory is cut off.
std::optional<std::map<uint16_t, uint32_t>> ReadTiffDirectory(std::string_view bytes);

}  // namespace vitok
