# shellcheck shell=bash
# Which clang builds the fuzz targets; to be sourced.

readonly OLDEST_FUZZ_CLANG=14 NEWEST_FUZZ_CLANG=22

# True if this compiler links libFuzzer and the sanitizers, which distributions package apart from it.
links_fuzzer() {
  echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' |
    "$1" -x c++ -fsanitize=fuzzer,address,undefined -o /dev/null - 2>/dev/null
}

# The newest installed clang++ that does; fails if there is none.
find_fuzz_clang() {
  local version
  for ((version = NEWEST_FUZZ_CLANG; version >= OLDEST_FUZZ_CLANG; --version)); do
    if command -v "clang++-$version" >/dev/null && links_fuzzer "clang++-$version"; then
      echo "clang++-$version"
      return
    fi
  done
  return 1
}

# The program that gives names to the addresses in a clang's reports; it must be of the same version.
find_symbolizer() {
  local program
  program="$(dirname "$(readlink -f "$(command -v "$1")")")/llvm-symbolizer"
  if [[ -x "$program" ]]; then echo "$program"; fi
}

# Packages of the newest clang that the distribution has, up to Ubuntu 24.04's own (18): Debian 12's is 16.
fuzz_packages() {
  local version
  for version in 18 17 16 15 14; do
    if [[ -n "$(apt-cache madison "clang-$version" 2>/dev/null)" ]]; then
      echo "clang-$version libclang-rt-$version-dev llvm-$version"
      return
    fi
  done
}
