#!/usr/bin/env bash
# Gathers programs with the shared libraries they need, without those of torch and NVIDIA, so that they run on a GPU
# machine that has the same torch wheel but no packages of this distribution.
set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: scripts/gpu_bundle.sh OUT_DIR PROGRAM...

Copies each PROGRAM and its libraries to OUT_DIR (emptied first) and writes OUT_DIR/run, which starts one of them:

  scripts/gpu_bundle.sh build/gpu build/release/tests/model_test
  (on the GPU machine)  build/gpu/run model_test --gtest_filter='Cuda*'

There `python3` must find torch of the version in requirements.txt.
USAGE
}

if [[ "${1:-}" == --help || "${1:-}" == -h ]]; then
  usage
  exit
fi
if (($# < 2)); then
  usage >&2
  exit 2
fi
out=$1
shift
rm -rf "$out"
mkdir -p "$out/lib"
for program in "$@"; do
  strip -o "$out/$(basename "$program")" "$program"
  ldd "$program" | awk '$3 ~ /^\// {print $3}' |
    grep -vE '/torch/|/nvidia/|/lib(c|m|gcc_s|stdc\+\+|pthread|dl|rt)\.so' |
    while IFS= read -r library; do cp -L "$library" "$out/lib/"; done
done

cat >"$out/run" <<'RUN'
#!/usr/bin/env bash
# Starts a program of this folder: run PROGRAM [ARGUMENT...]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
packages=$(python3 -c 'import os, torch; print(os.path.dirname(os.path.dirname(torch.__file__)))')
export LD_LIBRARY_PATH="$here/lib:$packages/torch/lib:$(printf '%s:' "$packages"/nvidia/*/lib)"
program=$1
shift
exec "$here/$program" "$@"
RUN
chmod +x "$out/run"
