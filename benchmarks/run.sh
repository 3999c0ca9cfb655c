#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: benchmarks/run.sh SUITE[.FIGURE]...     without arguments: lists suites and figures
#
# Sets up, builds what the suites need, and prints a table and one FIGURE line for each figure. Results
# stay in benchmarks/results/; a figure already measured on this machine, with these sources and these
# versions of the peers, is not measured again (delete its entry to force it).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cmake/setup.sh --benchmarks
python=.deps/venv/bin/python
if [ $# -eq 0 ]; then
  exec "$python" benchmarks/figures.py
fi
# Peers from Python: benchmarks/suites/SUITE.txt.
for wanted in "$@"; do
  peers=benchmarks/suites/${wanted%%.*}.txt
  installed=.deps/venv/$(basename "$peers")
  if [ -f "$peers" ] && ! cmp -s "$peers" "$installed"; then
    echo "setup: installing the peers of ${wanted%%.*}"
    "$python" -m pip install --quiet -r "$peers"
    cp "$peers" "$installed"
  fi
done
targets=$("$python" benchmarks/figures.py --targets "$@")
log=.deps/benchmarks.log
# shellcheck disable=SC2086 # a list of target names
if ! { cmake --preset bench && cmake --build --preset bench --target $targets; } >"$log" 2>&1; then
  tail -n 30 "$log" >&2
  exit 1
fi
exec "$python" benchmarks/figures.py "$@"
