# SPDX-License-Identifier: Apache-2.0
"""Memory planning: MiniMalloc's public instances, each to be fitted into its capacity."""
import functools
import json
import statistics
import subprocess
from pathlib import Path

from figures import Figure

ROOT = Path(__file__).resolve().parents[2]
INSTANCES = ROOT.parent / "shared" / "data" / "minimalloc"
TARGETS = ["memory_instances"]


@functools.cache
def minimalloc(build):
    """One run serves the three figures."""
    files = sorted(INSTANCES.glob("*.csv"))
    run = subprocess.run([build / "memory_instances", *files], check=True, capture_output=True, text=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def solved(raw):
    if not raw:
        return "n/a: the MiniMalloc instances are not there"
    return sum(row["arena"] <= row["capacity"] for row in raw)


def of_times(raw, statistic):
    if not raw:
        return "n/a: the MiniMalloc instances are not there"
    missed = [row["name"] for row in raw if row["arena"] > row["capacity"]]
    if missed:
        return f"n/a: not solved: {' '.join(missed)}"
    return statistic(row["cpu_s"] for row in raw)


def median(raw):
    return of_times(raw, statistics.median)


def longest(raw):
    return of_times(raw, max)


FIGURES = [
    Figure("minimalloc_solved", "of 6", ">=", 6, minimalloc, solved),
    Figure("minimalloc_median_s", "s", "<", 1, minimalloc, median),
    Figure("minimalloc_longest_s", "s", "<=", 30, minimalloc, longest),
]
