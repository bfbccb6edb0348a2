#!/usr/bin/env bash
# Formats the project's C++ sources in place (.clang-format).
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/sources.sh
source scripts/sources.sh

case "${1:-}" in
  "") list_sources h cc cu cuh | xargs -0 --no-run-if-empty "$(find_clang_format)" -i ;;
  --check) list_sources h cc cu cuh | xargs -0 --no-run-if-empty "$(find_clang_format)" --dry-run -Werror ;;
  *)
    echo "Usage: scripts/format.sh [--check]   format the C++ sources, or only say whether they are" >&2
    [[ "$1" == --help || "$1" == -h ]]
    ;;
esac
