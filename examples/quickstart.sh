#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: examples/quickstart.sh [OUT_DIR]
#
# Sets up, builds, searches on generated images, and says where the results are. OUT_DIR is
# out/quickstart unless given, and an earlier one of that name is moved aside. LATHE_PROGRAM names a
# program that is built already.
set -euo pipefail
out=${1:+$(realpath -m -- "$1")}  # as the caller's folder has it
case "${LATHE_PROGRAM:-}" in */*) LATHE_PROGRAM=$(realpath -- "$LATHE_PROGRAM") ;; esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ -z "${LATHE_PROGRAM:-}" ]; then
  cmake/setup.sh
  echo "quickstart: building"
  log=.deps/quickstart.log
  if ! { cmake --preset release && cmake --build --preset release; } >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    exit 1
  fi
  LATHE_PROGRAM=build/release/lathe
fi

if [ -z "$out" ]; then
  out=out/quickstart
fi
if [ $# -eq 0 ] && [ -e "$out" ]; then
  aside=$out-$(date +%Y%m%d-%H%M%S)
  mv "$out" "$aside"
  echo "quickstart: the earlier $out is now $aside"
fi
"$LATHE_PROGRAM" search examples/quickstart.json --out "$out"

echo
echo "The report, and the chosen networks:"
ls "$out/report.html" "$out"/*.onnx
