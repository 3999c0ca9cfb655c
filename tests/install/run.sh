#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: run.sh CMAKE SOURCE_DIR BUILD_DIR WORK_DIR CASE COMPONENT...
set -euo pipefail
cmake=$1 source=$2 build=$3 work=$4 case=$5
shift 5
components=$(IFS=';'; echo "$*")
here=$source/tests/install
prefix=$work/moved

# What core must not need: finding any of these fails.
without=() own=()
for package in CLI11 MPI OpenMP Protobuf dnnl hwy; do without+=("-DCMAKE_DISABLE_FIND_PACKAGE_$package=ON"); done
# What an installed lathe needs of its own alone.
for package in Eigen3 nlohmann_json; do own+=("-DCMAKE_DISABLE_FIND_PACKAGE_$package=ON"); done

# absent PATTERN FILE...: prints the lines with the pattern and fails if there are any.
absent() { if grep -n "$@"; then exit 1; fi; }

# consume PROJECT CMAKE_OPTIONS...: configure and build a project that uses lathe.
consume() {
  local project=$1
  shift
  rm -rf "${work:?}/$case"
  "$cmake" -G Ninja -S "$project" -B "$work/$case" -DCMAKE_BUILD_TYPE=Debug "$@"
  "$cmake" --build "$work/$case"
}

case $case in
  prefix)
    rm -rf "$work/first" "$prefix"
    "$cmake" --install "$build" --prefix "$work/first"
    mv "$work/first" "$prefix"
    if [ -x "$prefix/bin/lathe" ]; then  # it finds its libraries
      ldd "$prefix/bin/lathe" >"$work/libraries.txt"
      absent 'not found' "$work/libraries.txt"
    fi
    case $components in *engine*) [ -f "$prefix/include/lathe/evaluator/supernet.hpp" ] ;; esac
    absent -rF -e "$source" -e "$build" --include='*.cmake' "$prefix"
    ;;
  core_headers)  # where core alone is installed, every header compiles
    rm -rf "${work:?}/$case"
    "$cmake" -G Ninja -S "$source" -B "$work/$case" -DLATHE_ENGINE=OFF -DLATHE_IO=OFF -DLATHE_DEVELOPER=OFF \
             "${without[@]}"
    "$cmake" --install "$work/$case" --component headers --prefix "$work/$case/prefix"
    cd "$work/$case/prefix/include"
    find lathe -name '*.hpp' -printf '#include <%p>\n' >"$work/$case/all.cpp"
    for header in search/study store/memory_store testing/optimizer; do grep -q "lathe/$header" "$work/$case/all.cpp"; done
    "${CXX:-c++}" -std=c++20 -fsyntax-only -I. "$work/$case/all.cpp"
    ;;
  core_package)
    consume "$here/package" "-DCMAKE_PREFIX_PATH=$prefix" -DCOMPONENTS=core "${without[@]}" "${own[@]}"
    "$work/$case/program"
    ;;
  embed)
    consume "$source/examples/embed" "-DCMAKE_PREFIX_PATH=$prefix" "${without[@]}" "${own[@]}"
    "$work/$case/embed" >"$work/$case/front.txt"
    grep -q 'network .*: error .* MACs' "$work/$case/front.txt"
    [ "$(wc -l <"$source/examples/embed/main.cpp")" -le 40 ]
    ;;
  full_package)
    consume "$here/package" "-DCMAKE_PREFIX_PATH=$prefix" "-DCOMPONENTS=$components" "${own[@]}"
    "$work/$case/program"
    ;;
  symbols)  # a library that embeds every object of lathe links, and shows none of its symbols
    consume "$here/package" "-DCMAKE_PREFIX_PATH=$prefix" "-DCOMPONENTS=$components" "-DEMBED=$prefix"
    nm --demangle "$work/$case/libembedded.so" >"$work/$case/inside.txt"
    nm --demangle --dynamic --defined-only "$work/$case/libembedded.so" >"$work/$case/outside.txt"
    grep -q 'lathe::error::error' "$work/$case/inside.txt"
    grep -q ' T embedded_entry$' "$work/$case/outside.txt"
    absent lathe "$work/$case/outside.txt"
    ;;
  subdirectory)
    consume "$here/subdirectory" "-DLATHE=$source" "${without[@]}"
    "$work/$case/program"
    ;;
esac
