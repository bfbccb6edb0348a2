#!/usr/bin/env bash
# Builds the fuzz targets and runs each for a while (see --help). Run by `make fuzz`.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/fuzz_clang.sh
source scripts/fuzz_clang.sh

readonly BUILD=build/fuzz OUT=out/fuzz
# An input that takes longer or more memory than these is a finding too. No target allows anything that needs 64 MiB at
# once; libtorch and AddressSanitizer's freed blocks hold some 700 MiB.
readonly LIMITS=(-timeout=10 -malloc_limit_mb=64 -rss_limit_mb=2048)

usage() {
  cat <<'USAGE'
Usage: scripts/fuzz.sh [--seconds N] [--jobs N] [--no-build] [--help] [TARGET...]

Builds tests/fuzz with clang, libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer (preset fuzz) and runs the
targets one after the other, from their seeds, what earlier runs found worth keeping (out/fuzz/TARGET/corpus) and the
inputs that once broke them (tests/fuzz/regressions/TARGET). Fails if any target finds something; what broke it lies in
out/fuzz/TARGET/ with the log.

  --seconds N   seconds a target (default 60)
  --jobs N      parallel jobs of the build (default: one a core)
  --no-build    run what is built
  TARGET        only these (default: all)
USAGE
}

seconds=60
jobs="$(nproc)"
build=yes
targets=()
while [[ $# -gt 0 ]]; do
  case "$1" in
    --seconds)
      seconds="${2:?--seconds needs a number}"
      shift
      ;;
    --jobs)
      jobs="${2:?--jobs needs a number}"
      shift
      ;;
    --no-build) build=no ;;
    --help | -h)
      usage
      exit
      ;;
    -*)
      usage >&2
      exit 2
      ;;
    *)
      if [[ ! -f "tests/fuzz/${1}_fuzz.cc" ]]; then
        echo "scripts/fuzz.sh: no target '$1': there is no tests/fuzz/${1}_fuzz.cc" >&2
        exit 2
      fi
      targets+=("$1")
      ;;
  esac
  shift
done

build_targets() {
  cmake --preset fuzz -DCMAKE_CXX_COMPILER="$compiler"
  cmake --build --preset fuzz -j "$jobs"
}

# The last match of a pattern in a log, or 0.
last_number() {
  grep -aoE "$2" "$1" | tail -1 | grep -oE '[0-9]+$' || echo 0
}

# Runs one target and prints its line of the summary; fails if it finds something.
run_target() {
  local target="$1" folder="$OUT/$1" log="$OUT/$1/log" status=0 corpora input
  mkdir -p "$folder/corpus"
  corpora=("$folder/corpus" "$OUT/seeds/$target")
  if [[ -d "tests/fuzz/regressions/$target" ]]; then corpora+=("tests/fuzz/regressions/$target"); fi
  "$BUILD/tests/fuzz_$target" "${LIMITS[@]}" -max_total_time="$seconds" -artifact_prefix="$folder/" \
    -print_final_stats=1 "${corpora[@]}" >"$log" 2>&1 || status=$?
  printf '%-14s %9d executions  %6d edges  %s\n' "$target" "$(last_number "$log" 'executed_units: *[0-9]+')" \
    "$(last_number "$log" 'cov: [0-9]+')" "$([[ $status == 0 ]] && echo 'no findings' || echo 'FOUND SOMETHING')"
  if [[ $status == 0 ]]; then return; fi
  input="$(sed -n 's/.*Test unit written to //p' "$log" | tail -1)"
  grep -a -m 2 -E 'ERROR: |SUMMARY: |runtime error|what\(\):' "$log" | sed 's/^/    /' || true
  echo "    log:        $log"
  echo "    reproduce:  $BUILD/tests/fuzz_$target ${LIMITS[*]} ${input:-(no input; see the log)}"
  return 1
}

if ! compiler="$(find_fuzz_clang)"; then
  echo "no clang from $OLDEST_FUZZ_CLANG on with libFuzzer: run scripts/setup.sh --fuzz first" >&2
  exit 1
fi
if [[ "$build" == yes ]]; then build_targets; fi
symbolizer="$(find_symbolizer "$compiler")"
if [[ -n "$symbolizer" ]]; then export ASAN_SYMBOLIZER_PATH="$symbolizer"; fi
export UBSAN_OPTIONS=print_stacktrace=1

if [[ ${#targets[@]} -eq 0 ]]; then
  for file in tests/fuzz/*_fuzz.cc; do targets+=("$(basename "$file" _fuzz.cc)"); done
fi
rm -rf "$OUT/seeds"
"$BUILD/tests/fuzz_seeds" "$OUT/seeds"
failed=0
for target in "${targets[@]}"; do run_target "$target" || failed=1; done
exit "$failed"
