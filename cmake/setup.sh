#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: cmake/setup.sh [--tests | --benchmarks]
#
# Installs what a build needs on Debian 12, with --tests what the tests need as well, with --benchmarks
# Debian's peers to compare with too: packages through apt, oneDNN and the Python environment into
# .deps/. Does nothing, and needs neither root nor network, when nothing is missing. Without root it
# prints the command that installs the missing packages and exits 2.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=(ca-certificates ccache cmake g++ libboost-graph-dev libcli11-dev libeigen3-dev libfmt-dev
          libhwy-dev libonnx-dev libprotobuf-dev ninja-build nlohmann-json3-dev
          protobuf-compiler python3-venv zlib1g-dev)
for_tests=(binutils catch2 clang-19 git libbenchmark-dev libopenmpi-dev locales openmpi-bin)
case "${1:-}" in
  --tests) packages+=("${for_tests[@]}") ;;
  --benchmarks) packages+=("${for_tests[@]}" libpagmo-dev) ;;
  "") ;;
  *) sed -n '3,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

deps=.deps
venv=$deps/venv
log=$deps/setup.log
mkdir -p "$deps"

# step WHAT COMMAND...: one line for people; the command's own words go to the log.
step() {
  local what=$1
  shift
  echo "setup: $what"
  "$@" >>"$log" 2>&1 &  # bash suspends 'set -e' within a condition, not within a job
  if ! wait $!; then
    echo "setup: $what failed; the end of $log:" >&2
    tail -n 20 "$log" >&2
    exit 1
  fi
}

missing_packages() {
  local installed
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null |
              sed -n 's/^installed //p') || true
  comm -23 <(printf '%s\n' "${packages[@]}" | sort) <(sort -u <<<"$installed")
}

install_packages() {
  apt-get update -q
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}

# Debian's own interpreter: python3-venv belongs to it, whichever python3 comes first on the PATH.
make_venv() { rm -rf "$venv" && /usr/bin/python3 -m venv "$venv"; }

system_onednn() {
  local version
  version=$(dpkg-query -W -f '${Version}' libdnnl-dev 2>/dev/null) || return 1
  dpkg --compare-versions "$version" ge 3.1
}

# The wheels hold three copies of one library; links take a third of the space. The folder appears whole.
unpack_onednn() {
  local work=$deps/onednn.partial file
  rm -rf "$work"
  "$venv/bin/pip" download --quiet --no-deps --require-hashes -r cmake/onednn.txt -d "$work/wheels"
  for file in "$work"/wheels/*.whl; do "$venv/bin/python" -m zipfile -e "$file" "$work/wheels"; done
  cp -r "$work"/wheels/*.data/data/{include,lib} "$work/wheels"/onednn_cpu*.dist-info/LICENSE.txt "$work"
  for file in libdnnl.so libdnnl.so.3; do ln -sf libdnnl.so.3.2 "$work/lib/$file"; done
  rm -rf "$work/wheels"
  cp cmake/onednn.txt "$work/installed.txt"
  rm -rf "$deps/onednn"
  mv "$work" "$deps/onednn"
}

install_test_environment() {
  "$venv/bin/pip" install --quiet -r tests/requirements.txt
  cp tests/requirements.txt "$venv/installed.txt"
}

if ! command -v dpkg-query >/dev/null; then
  echo "setup: this script knows Debian alone; install the equivalents of: ${packages[*]}" >&2
  exit 2
fi
mapfile -t missing < <(missing_packages)
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "setup: packages are missing; install them with this command, then start again:" >&2
    echo "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends ${missing[*]}'" >&2
    exit 2
  fi
  step "installing ${#missing[@]} Debian packages" install_packages "${missing[@]}"
fi

[ -x "$venv/bin/python" ] || step "making a Python environment" make_venv
if ! system_onednn && ! cmp -s cmake/onednn.txt "$deps/onednn/installed.txt"; then
  step "fetching oneDNN" unpack_onednn
fi
if [ $# -gt 0 ] && ! cmp -s tests/requirements.txt "$venv/installed.txt"; then
  step "installing the test environment" install_test_environment
fi
