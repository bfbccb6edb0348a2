# shellcheck shell=bash
# Functions of the format and lint scripts; to be sourced from the repository root.

# The project's files with one of the given suffixes, separated by zero bytes: what git tracks or would add.
list_sources() {
  local suffix file
  for suffix in "$@"; do
    git ls-files -z --cached --others --exclude-standard -- "*.$suffix"
  done | while IFS= read -r -d '' file; do
    # A file that was deleted but not committed yet is still listed.
    if [[ -f "$file" ]]; then printf '%s\0' "$file"; fi
  done
}

# Versions format differently: 14 is Debian 12's, and packaged for Ubuntu 24.04 too.
find_clang_format() {
  command -v clang-format-14 || command -v clang-format
}
