// Writes the seeds of every fuzz target to FOLDER/<target>/.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>

#include "core/base/str_cat.h"
#include "tests/fuzz/fuzz_target.h"

namespace vitok {
namespace {

void WriteSeeds(const std::filesystem::path& root) {
  for (const FuzzTarget& target : FuzzTargets()) {
    const std::filesystem::path folder = root / target.name;
    std::filesystem::create_directories(folder);
    int number = 0;
    for (const std::string& seed : target.seeds()) {
      std::ofstream file(folder / StrCat("seed-", number++), std::ios::binary);
      file.exceptions(std::ios::failbit | std::ios::badbit);
      file << seed << std::flush;
    }
  }
}

}  // namespace
}  // namespace vitok

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "Usage: fuzz_seeds FOLDER   (run from the repository's root)\n");
    return 2;
  }
  try {
    vitok::WriteSeeds(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fuzz_seeds: %s\n", error.what());
    return 1;
  }
  return 0;
}
