#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every public header compiles alone.

usage: headers.py INCLUDE_DIR COMPILER [FLAG...]     the compiler's words for each that does not; exit code 1
"""
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wno-sign-conversion", "-Werror"]


def compile_alone(header, include_dir, command):
    result = subprocess.run(
        [*command, "-std=c++20", "-fsyntax-only", *WARNINGS, f"-I{include_dir}", "-x", "c++", "-"],
        input=f'#include "{header}"\n', capture_output=True, text=True)
    if result.returncode == 0:
        return ""
    return "\n".join([f"{header} does not compile alone:", *result.stderr.split("\n")[:20]])


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    include_dir, command = Path(sys.argv[1]), sys.argv[2:]
    headers = sorted(p.relative_to(include_dir) for p in include_dir.rglob("*.hpp"))
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        failures = [f for f in pool.map(lambda h: compile_alone(h, include_dir, command), headers) if f]
    print(*failures, sep="\n")
    print(f"{len(headers) - len(failures)} of {len(headers)} headers compile alone with {command[0]}")
    sys.exit(1 if failures or not headers else 0)


if __name__ == "__main__":
    main()
