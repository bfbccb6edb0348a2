#!/usr/bin/env bash
# Checks format, include layers, shell and Python syntax, and runs clang-tidy (see --help).
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/sources.sh
source scripts/sources.sh

usage() {
  cat <<'USAGE'
Usage: scripts/lint.sh [--tidy | --no-tidy] [--build DIR] [--help]

Checks the C++ format, the include layers, and the syntax of the shell and Python scripts. In a tree with a configured
build, clang-tidy also looks at the C++ sources that differ from the last commit.

  --tidy        clang-tidy over all sources (minutes)
  --no-tidy     no clang-tidy
  --build DIR   the build folder that clang-tidy takes its commands from (default: the first configured one)
USAGE
}

tidy=changed
build=""
while [[ $# -gt 0 ]]; do
  case "$1" in
    --tidy) tidy=all ;;
    --no-tidy) tidy=none ;;
    --build)
      build="${2:?--build needs a folder}"
      shift
      ;;
    --help | -h)
      usage
      exit
      ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
  shift
done

status=0
# Runs a check, and goes on after a failure so that one run shows everything.
check() {
  local name="$1"
  shift
  if "$@"; then echo "ok      $name"; else
    echo "FAILED  $name"
    status=1
  fi
}

check_shell() {
  local failed=0 file
  while IFS= read -r -d '' file; do
    bash -n "$file" || failed=1
  done < <(list_sources sh; printf '.ci/run\0')
  return "$failed"
}

check_python() {
  list_sources py | xargs -0 --no-run-if-empty python3 -c '
import ast, sys
for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as file:
        ast.parse(file.read(), name)'
}

default_build() {
  local folder
  for folder in build/release build/release-cpu build/*; do
    if [[ -f "$folder/compile_commands.json" ]]; then
      echo "$folder"
      return
    fi
  done
}

changed_sources() {
  git diff --name-only -z --diff-filter=d HEAD -- '*.cc'
  git ls-files -z --others --exclude-standard -- '*.cc'
}

run_tidy() {
  local files=()
  if [[ "$tidy" == changed ]]; then
    mapfile -d '' files < <(changed_sources)
    [[ ${#files[@]} -gt 0 ]] || return 0
  fi
  python3 scripts/clang_tidy.py --build "$build" "${files[@]}"
}

check "C++ format" scripts/format.sh --check
check "include layers" python3 scripts/check_layers.py
check "shell syntax" check_shell
check "Python syntax" check_python
if [[ "$tidy" != none ]]; then
  [[ -n "$build" ]] || build="$(default_build)"
  if [[ -n "$build" ]]; then
    check "clang-tidy ($tidy sources)" run_tidy
  elif [[ "$tidy" == all ]]; then
    echo "FAILED  clang-tidy: no configured build; run make build first"
    status=1
  fi
fi
exit "$status"
