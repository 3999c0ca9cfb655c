#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: tests/run.sh [CTEST OPTIONS]
#
# Sets up, builds everything and runs the tests; "tests/run.sh -R network" runs those with that name.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cmake/setup.sh --tests
if [ -d ../shared/data/cifar10 ]; then
  .deps/venv/bin/python ../shared/data/cifar10/unpack.py .data/cifar10
fi
cmake --preset dev -DLATHE_TEST_AVX2=ON >.deps/configure.log || { cat .deps/configure.log; exit 1; }
cmake --build --preset dev
ctest --preset dev "$@"
