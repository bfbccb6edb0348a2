#!/usr/bin/env bash
# Serves the embedded model on a unix socket and sends the photos of photos/ through it with `vitok`: encode, decode,
# reconstruct. Pictures and numbers land in out/demo/. Run by `make demo`; BUILD names the build folder.
set -euo pipefail
cd "$(dirname "$0")/.."

build=${BUILD:-build/release}
out=out/demo
scratch=$(mktemp -d)
socket=unix:$scratch/vitok.sock
server_pid=

finish() {
  local code=$?
  if [[ -n $server_pid ]] && kill -0 "$server_pid" 2>/dev/null; then
    kill -KILL "$server_pid"
    wait "$server_pid" 2>/dev/null || true
  fi
  if ((code != 0)) && [[ -s $scratch/server.log ]]; then
    echo "demo failed; the server's log:" >&2
    cat "$scratch/server.log" >&2
  fi
  rm -rf "$scratch"
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM

vitok() {
  local command=$1
  shift
  "$build/bin/vitok" "$command" --server "$socket" "$@"
}

for program in vitok-server vitok; do
  if [[ ! -x $build/bin/$program ]]; then
    echo "$build/bin/$program is missing: run \`make build\` first" >&2
    exit 1
  fi
done
rm -rf "$out"
mkdir -p "$out"

"$build/bin/vitok-server" --config configs/demo.yaml --set "server.listen=$socket" --set server.http_listen= \
  >"$scratch/server.log" 2>&1 &
server_pid=$!

echo "== Model"
until vitok models --wait 2 2>"$scratch/waiting.log"; do
  if ! kill -0 "$server_pid" 2>/dev/null || ((SECONDS > 120)); then
    cat "$scratch/waiting.log" >&2
    exit 1
  fi
done

echo
echo "== Reconstruct: size, tokens, PSNR, milliseconds by stage"
vitok reconstruct photos -o "$out/reconstructed" --json >"$out/results.jsonl"  # also warms the server up
vitok reconstruct photos -o "$out/side-by-side" --side-by-side --in-flight 1

echo
echo "== Encode: pictures to latents"
vitok encode photos -o "$out/latents" --in-flight 1

echo
echo "== Decode: latents to pictures"
vitok decode "$out/latents" -o "$out/decoded" --in-flight 1

echo
for picture in "$out"/reconstructed/*.png; do
  cmp "$picture" "$out/decoded/$(basename "$picture")"
done
echo "decode(encode(x)) equals reconstruct(x), byte for byte"

kill -TERM "$server_pid"
code=0
wait "$server_pid" || code=$?
server_pid=
if ((code != 0)); then
  echo "vitok-server ended with exit code $code after SIGTERM" >&2
  exit 1
fi
echo "vitok-server stopped cleanly"
echo
echo "Look at $out/side-by-side/ (original | reconstruction); results: $out/results.jsonl, latents: $out/latents/"
