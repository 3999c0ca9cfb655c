# SPDX-License-Identifier: Apache-2.0
"""Inference of 20 members of mobile32, f32, one thread: our executor beside ONNX Runtime and OpenVINO."""
import functools
import os
import random
import statistics
import subprocess
import sys
from contextlib import ExitStack

from figures import Figure
from sides import PEERS as PEER_PROGRAMS
from sides import Side, percentile

TARGETS = ["infer_side"]
PEERS = ["onnxruntime", "openvino", "torch"]
RUNTIMES = ["onnxruntime", "openvino"]
MEMBERS = 20
ROUNDS = 7
SECONDS = {1: 0.12, 16: 0.25}  # of a turn, by batch
STREAM_SECONDS = 0.4  # more than 299 calls, without which there is no P99
LARGEST_EXPORT_DIFFERENCE = 0.03


@functools.cache
def folder(build):
    """Every member as we and as PyTorch export it."""
    path = build / "infer"
    subprocess.run([build / "infer_side", str(MEMBERS), path], check=True)
    subprocess.run([sys.executable, PEER_PROGRAMS / "torch_export.py", path], check=True)
    return path


def open_sides(stack, build, cores):
    sides = {"ours": Side(build / "infer_side", MEMBERS, cores=cores)}
    for runtime in RUNTIMES:
        sides[runtime] = Side(PEER_PROGRAMS / "runtime_side.py", runtime, folder(build), cores=cores)
    return {name: stack.enter_context(side) for name, side in sides.items()}


def requests(batch):
    """(name of the figure's row, side, what it is asked for) of a member's turns, or of the call alone."""
    rows = [("ours", "ours", "{member}")]
    for runtime in RUNTIMES:
        rows += [(runtime, runtime, "{member}/ours.onnx"), (f"{runtime}_torch", runtime, "{member}/torch.onnx")]
    return [(row, side, f"{model} {batch} {SECONDS[batch]}") for row, side, model in rows]


@functools.cache
def latency_rounds(build, batch):
    """P50 in ns: of each member in every round, and of a model that only copies its input."""
    core = {max(os.sched_getaffinity(0))}
    members = [{row: [] for row, _, _ in requests(batch)} for _ in range(MEMBERS)]
    identity = {runtime: [] for runtime in RUNTIMES}
    order = random.Random(1)
    with ExitStack() as stack:
        sides = open_sides(stack, build, core)
        for _ in range(ROUNDS):
            for runtime, rounds in identity.items():
                answer = sides[runtime].ask("identity.onnx", batch, SECONDS[batch])
                rounds.append(percentile(answer["ns"], 50))
            for index, member in enumerate(members):
                for row, side, request in order.sample(requests(batch), len(member)):
                    answer = sides[side].ask(request.format(member=index))
                    member[row].append(percentile(answer["ns"], 50))
    return {"members": members, "identity": identity}


@functools.cache
def stream_rounds(build):
    """P99 in ns over the calls of two streams that run at the same time, each on a core of its own."""
    cores = sorted(os.sched_getaffinity(0))[-2:]
    if len(cores) < 2:
        return {"reason": "there is one core"}
    identity = latency_rounds(build, 1)["identity"]
    members = [{name: [] for name in ("ours", *RUNTIMES)} for _ in range(MEMBERS)]
    with ExitStack() as stack:
        streams = [open_sides(stack, build, {core}) for core in cores]
        for _ in range(ROUNDS):
            for index, member in enumerate(members):
                for name, rounds in member.items():
                    model = index if name == "ours" else f"{index}/ours.onnx"
                    for stream in streams:
                        stream[name].ask(model, 1, 0)  # made before the two start together
                    for stream in streams:
                        stream[name].tell(model, 1, STREAM_SECONDS)
                    calls = [stream[name].hear()["ns"] for stream in streams]
                    rounds.append(percentile(calls[0] + calls[1], 99))
    return {"members": members, "identity": identity}


def ratios(raw):
    """Ours over the faster peer, by member. A peer's time is that of the network without that of a call."""
    call = {runtime: statistics.median(rounds) for runtime, rounds in raw["identity"].items()}
    return [statistics.median(member["ours"]) / min(statistics.median(member[r]) - call[r] for r in RUNTIMES)
            for member in raw["members"]]


def unfair(raw):
    """Why the peers' times do not count: our export makes them slower than PyTorch's does."""
    for runtime in RUNTIMES:
        slower = statistics.geometric_mean(
            statistics.median(member[runtime]) / statistics.median(member[f"{runtime}_torch"])
            for member in raw["members"]) - 1
        if slower > LARGEST_EXPORT_DIFFERENCE:
            return f"n/a: {runtime} is {100 * slower:.1f} % slower on our ONNX than on PyTorch's"
    return None


def mean_ratio(raw):
    return unfair(raw) or statistics.geometric_mean(ratios(raw))


def worst_ratio(raw):
    return unfair(raw) or max(ratios(raw))


def stream_ratio(raw):
    return "n/a: " + raw["reason"] if "reason" in raw else statistics.geometric_mean(ratios(raw))


FIGURES = [
    Figure("ratio_b1", "x", "<=", 0.90, lambda build: latency_rounds(build, 1), mean_ratio),
    Figure("ratio_b16", "x", "<=", 0.90, lambda build: latency_rounds(build, 16), mean_ratio),
    Figure("worst_b1", "x", "<=", 1.05, lambda build: latency_rounds(build, 1), worst_ratio),
    Figure("streams2", "x", "<=", 0.90, stream_rounds, stream_ratio),
]
