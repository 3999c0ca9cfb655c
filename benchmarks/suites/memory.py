# SPDX-License-Identifier: Apache-2.0
"""Memory: the planned arena against the used one and ONNX Runtime's, and MiniMalloc's public instances."""
import functools
import statistics
import subprocess
import sys

from figures import Figure
from sides import PEERS as PEER_PROGRAMS
from sides import ROOT, run_lines

INSTANCES = ROOT.parent / "shared" / "data" / "minimalloc"
TARGETS = ["memory_instances", "memory_members", "infer_side"]
PEERS = ["onnxruntime"]
MEMBERS, COMPARED_MEMBERS = 200, 20
BATCHES = [1, 4, 16]


# ---- Members of mobile32

@functools.cache
def arenas(build):
    return run_lines(build / "memory_members", MEMBERS, *BATCHES)


def exact(raw):
    written = [row for row in raw if row["written_outside"]]
    if written:
        return f"n/a: {len(written)} of {len(raw)} runs wrote outside of their buffers"
    heap = max(max(row["heap_taken"], row["heap_retained"]) for row in raw)
    if heap:
        return f"n/a: a call takes up to {heap} bytes from the heap"
    return max(abs(row["predicted"] - row["mapped"]) for row in raw)


def beside_onnxruntime(build):
    """Bytes of the arenas, ours and ONNX Runtime's, by batch and member."""
    folder = build / "memory"
    subprocess.run([build / "infer_side", str(COMPARED_MEMBERS), folder], check=True)
    raw = []
    for row in arenas(build):
        if row["member"] < COMPARED_MEMBERS:
            model = folder / str(row["member"]) / "ours.onnx"
            peer = run_lines(sys.executable, PEER_PROGRAMS / "onnxruntime_memory.py", model, row["batch"])[0]
            raw.append({"member": row["member"], "batch": row["batch"], "ours": row["mapped"], **peer})
    return raw


def arena_ratio(raw):
    return statistics.geometric_mean(row["ours"] / row["onnxruntime"] for row in raw)


# ---- MiniMalloc's instances


@functools.cache
def minimalloc(build):
    """One run serves the three figures."""
    files = sorted(INSTANCES.glob("*.csv"))
    return run_lines(build / "memory_instances", *files)


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
    Figure("exact", "bytes", "<=", 0, arenas, exact),
    Figure("vs_ort", "x", "<=", 0.70, beside_onnxruntime, arena_ratio),
    Figure("minimalloc_solved", "of 6", ">=", 6, minimalloc, solved),
    Figure("minimalloc_median_s", "s", "<", 1, minimalloc, median),
    Figure("minimalloc_longest_s", "s", "<=", 30, minimalloc, longest),
]
