#!/usr/bin/env bash
# Installs what ViTok Serve needs to build and test: system packages and a project-local .venv
# that holds the pinned torch wheel (libtorch). Idempotent: a second run changes nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/fuzz_clang.sh
source scripts/fuzz_clang.sh

readonly PACKAGES=(
  build-essential cmake ninja-build ccache git pkg-config python3 python3-venv
  libgrpc++-dev protobuf-compiler protobuf-compiler-grpc libprotobuf-dev libabsl-dev libssl-dev
  libspdlog-dev libgtest-dev libgmock-dev prometheus-cpp-dev libcurl4-openssl-dev
  libopencv-core-dev libopencv-imgproc-dev libopencv-imgcodecs-dev libjpeg-dev libpng-dev libwebp-dev libgif-dev
  libtiff-dev libarchive-dev
  libcli11-dev libcpp-httplib-dev nlohmann-json3-dev libyaml-cpp-dev libjemalloc-dev
  clang-format clang-tidy
)
# Programs of the tests. Not installed, only unpacked: their package would start a service and add its user.
readonly PROMETHEUS=.local/prometheus
readonly STAMP=.venv/.requirements.sha256

usage() {
  cat <<'USAGE'
Usage: scripts/setup.sh [--check] [--fuzz] [--help]

Installs the system packages (apt, Debian 12 or Ubuntu 24.04; sudo only when not root),
creates .venv with the Python packages pinned in requirements*.txt, and unpacks prometheus and
promtool from the distribution's package into .local/prometheus, for the tests.

  --check   install nothing; exit 0 if everything is in place, else name what is missing
  --fuzz    also what `make fuzz` needs: a clang with libFuzzer, unless there is one
  --help    this text
USAGE
}

missing_packages() {
  local name
  for name in "${PACKAGES[@]}"; do
    [[ "$(dpkg-query -W -f='${Status}' "$name" 2>/dev/null)" == "install ok installed" ]] || echo "$name"
  done
}

venv_is_current() {
  [[ -f "$STAMP" && "$(sha256sum requirements*.txt)" == "$(<"$STAMP")" ]]
}

has_prometheus() {
  [[ -x "$PROMETHEUS/prometheus" && -x "$PROMETHEUS/promtool" ]]
}

as_root() {
  if [[ "$(id -u)" == 0 ]]; then "$@"; else sudo "$@"; fi
}

check() {
  local missing status=0
  missing="$(missing_packages)"
  if [[ -n "$missing" ]]; then
    echo "missing system packages:" $missing >&2
    status=1
  fi
  if ! venv_is_current; then
    echo "missing or outdated: .venv (requirements*.txt)" >&2
    status=1
  fi
  if ! has_prometheus; then
    echo "missing: $PROMETHEUS (prometheus and promtool of the package prometheus)" >&2
    status=1
  fi
  if [[ "$fuzz" == yes ]] && ! find_fuzz_clang >/dev/null; then
    echo "missing: a clang from $OLDEST_FUZZ_CLANG on with libFuzzer" >&2
    status=1
  fi
  return "$status"
}

install_packages() {
  local missing
  missing="$(missing_packages)"
  if [[ -n "$missing" ]]; then
    as_root apt-get update -q
    # shellcheck disable=SC2086
    apt_install $missing
  fi
}

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@"
}

install_fuzz_clang() {
  local packages
  find_fuzz_clang >/dev/null && return
  packages="$(fuzz_packages)"
  if [[ -z "$packages" ]]; then
    as_root apt-get update -q
    packages="$(fuzz_packages)"
  fi
  # shellcheck disable=SC2086
  apt_install $packages
}

download_prometheus() {
  (cd "$1" && apt-get download -q -o APT::Sandbox::User=root prometheus)
}

unpack_prometheus() {
  local folder
  has_prometheus && return
  folder="$(mktemp -d)"
  # The first try fails where the package lists are missing or too old.
  download_prometheus "$folder" || {
    as_root apt-get update -q
    download_prometheus "$folder"
  }
  mkdir -p "$PROMETHEUS"
  dpkg-deb --fsys-tarfile "$folder"/prometheus_*.deb |
    tar --extract --directory="$PROMETHEUS" --strip-components=3 ./usr/bin/prometheus ./usr/bin/promtool
  rm -r "$folder"
}

install_venv() {
  venv_is_current && return
  # The distribution's interpreter, not whichever python3 comes first in PATH: the wheel's native
  # libraries must run against the C++ library that the project is compiled with.
  [[ -x .venv/bin/python ]] || /usr/bin/python3 -m venv .venv
  .venv/bin/pip install --disable-pip-version-check --quiet --requirement requirements.txt
  .venv/bin/pip install --disable-pip-version-check --quiet --no-deps --requirement requirements-headers.txt
  sha256sum requirements*.txt > "$STAMP"
}

mode=install
fuzz=no
for argument in "$@"; do
  case "$argument" in
    --check) mode=check ;;
    --fuzz) fuzz=yes ;;
    --help | -h)
      usage
      exit
      ;;
    *)
      echo "scripts/setup.sh: unknown argument '$argument' (see --help)" >&2
      exit 2
      ;;
  esac
done
if [[ "$mode" == check ]]; then
  check
  exit
fi
install_packages
if [[ "$fuzz" == yes ]]; then install_fuzz_clang; fi
install_venv
unpack_prometheus
