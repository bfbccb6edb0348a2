// Tar archives made by hand, well-formed or not.
#pragma once

#include <cstdint>
#include <string>

namespace vitok {

struct TarEntry {
  std::string name;
  std::string data;
  char type = '0';            // '0' file, '1' hard link, '2' symbolic link, '5' folder, 'x' pax, 'L' GNU long name
  int64_t stated_bytes = -1;  // in the header; -1: as many as the data has
  std::string link = "";
};

// Header (ustar, names of at most 100 bytes) and data, padded to whole blocks.
std::string MakeTarMember(const TarEntry& entry);

// The two empty blocks at the end.
std::string TarEnd();

// A file with a name of any length, by an extended header of GNU or pax.
std::string MakeGnuLongMember(const std::string& name, const std::string& data);
std::string MakePaxMember(const std::string& name, const std::string& data);

// Writes bytes to a file and gives its path.
std::string WriteBytes(const std::string& path, const std::string& bytes);

}  // namespace vitok
