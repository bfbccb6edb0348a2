// Picture files as somebody with bad intentions would make them. The same for the same seed. Free of torch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/core/image/picture_files.h"

namespace vitok {

// The file as the parts that its format is made of (segments and scans, chunks, directory entries, headers), which
// together are the file. What belongs to no part is one by itself.
std::vector<std::string> SplitFile(const PictureFile& file);

// The file with that size in its headers, cut to the bits that they have, and nothing else changed; with the checksum
// that fits.
std::string WithSize(const PictureFile& file, uint32_t height_px, uint32_t width_px);

// Damaged in one of eight ways, which `seed` chooses by its lowest bits: bits flipped; bytes overwritten; a field set
// to an extreme value; a part dropped, doubled, moved, or cut; another size. Half of the PNG files get the checksums
// that fit.
std::string Corrupt(const PictureFile& file, uint32_t seed);

}  // namespace vitok
