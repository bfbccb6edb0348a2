// Checksums of PNG files, without which no mutated chunk would be looked into.
#pragma once

#include <string>

namespace vitok {

// Writes the right checksum behind every whole chunk; no change to other files.
void MendPngChecksums(std::string& file);

}  // namespace vitok
