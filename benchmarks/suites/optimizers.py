# SPDX-License-Identifier: Apache-2.0
"""Optimizers: quality on NAS-Bench-201, and speed beside pagmo, pymoo and moocore."""
import functools
import json
import math
import random
import statistics
import struct
import subprocess
import sys
from array import array
from pathlib import Path

from figures import Figure

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "../shared/data/nb201/nb201_xeon.csv"
TARGETS = ["lathe_program", "bench_optimizer", "lathe_side", "pagmo_side"]
PEERS = ["pymoo", "moocore"]
SEEDS, EVOLUTION_SEEDS = 20, 100
SORT_ROUNDS = 5
SORT_POINTS = [200, 500, 1000, 2000, 4000]
GENERATIONS = {100: 250, 1000: 50}
# Ours by default (nsga2_options); the peers get the same.
CROSSOVER, MUTATIONS = 0.6, 0.35


def output(*command):
    return json.loads(subprocess.run([str(c) for c in command], check=True, stdout=subprocess.PIPE).stdout)


# ---- NAS-Bench-201

CIFAR10 = ["--acc", "cifar10_acc", "--cost", "latency_ms_gold_6226", "--ref-acc", 50, "--ref-cost", 20.4]
CIFAR100 = ["--acc", "cifar100_acc", "--cost", "latency_ms_gold_6240"]
LIMITED = [*CIFAR10, "--limit", "latency_ms_gold_6226<=8"]
PROXY = ["--acc", "cifar10_val_acc_12ep", "--report", "cifar10_acc"]
ORACLE = ["--acc", "cifar10_acc"]
NO_TABLE = "n/a: ../shared/data/nb201 is not there"


def table(build, optimizer, evals, seeds, goals):
    if not TABLE.exists():
        return None
    return output(build / "lathe", "bench", "table", TABLE, *goals, "--optimizer", optimizer,
                  "--evals", evals, "--seeds", seeds, "--json")


def hv_share(raw):
    return raw["hv_share"]["mean"] if raw else NO_TABLE


def best_accuracy(raw):
    return raw["best_acc"]["mean"] if raw else NO_TABLE


def share_figures(name, optimizer, evals, bound):
    """The figure, and beside it, without a goal, the same defaults on two other tasks."""
    def on(goals):
        return lambda build: table(build, optimizer, evals, SEEDS, goals)
    return [Figure(f"{name}_{evals}", "share", ">=", bound, on(CIFAR10), hv_share),
            Figure(f"{name}_{evals}_c100", "share", ">=", 0, on(CIFAR100), hv_share),
            Figure(f"{name}_{evals}_limited", "share", ">=", 0, on(LIMITED), hv_share)]


def evolution_figure(name, bound, goals):
    return Figure(name, "%", ">=", bound,
                  lambda build: table(build, "regularized_evolution", 500, EVOLUTION_SEEDS, goals), best_accuracy)


def repeats(build):
    runs = [("random", 500), ("nsga2", 1000), ("regularized_evolution", 500), ("local_search", 500),
            ("surrogate_search", 60)]
    return [table(build, optimizer, evals, 5, CIFAR10) for optimizer, evals in runs]


def share_of_repeats(raw):
    if None in raw:
        return NO_TABLE
    return 1 - sum(run["unique"] for run in raw) / sum(run["total"] for run in raw)


# ---- Time of ask and tell

def overhead(build):
    program = build / "benchmarks" / "bench_optimizer"
    report = output(program, "--benchmark_filter=ask_tell/nsga2", "--benchmark_repetitions=7",
                    "--benchmark_format=json")
    return [run["real_time"] for run in report["benchmarks"] if run["run_type"] == "iteration"]


def microseconds(raw):
    return statistics.median(raw) / 1000


# ---- NSGA-II beside peers: the same integer problem, population and operator rates

def side(build, name):
    if name in ("pymoo", "moocore"):
        return [sys.executable, ROOT / "benchmarks/peers/python_side.py"]
    return [build / f"{name}_side"]


def pagmo_version():
    return subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "libpagmo-dev"], capture_output=True,
                          text=True).stdout


def check_front(name, points, population):
    """The points are those of the problem: on the grid of its first axis, and not beyond its front."""
    on_grid = all(abs(63 * f1 - round(63 * f1)) < 1e-9 and f2 >= 1 - math.sqrt(f1) - 1e-9 for f1, f2 in points)
    if len(points) != population or not on_grid:
        sys.exit(f"{name} does not solve the problem that was given")


def hypervolume(points, reference=(1.1, 6.0)):
    volume, lowest = 0.0, reference[1]
    for f1, f2 in sorted(points):
        if f1 < reference[0] and f2 < lowest:
            volume += (reference[0] - f1) * (lowest - f2)
            lowest = f2
    return volume


def nsga2_rounds(peer, population):
    def measure(build):
        raw = {name: {"seconds": [], "hypervolume": []} for name in ("lathe", peer)}
        for seed in range(1, SEEDS + 1):
            for name, rounds in raw.items():
                run = output(*side(build, name), "nsga2", population, GENERATIONS[population], seed,
                             CROSSOVER, MUTATIONS)
                check_front(name, run["points"], population)
                rounds["seconds"].append(run["seconds"])
                rounds["hypervolume"].append(hypervolume(run["points"]))
        return {"peer": peer, "pagmo": pagmo_version(), "rounds": raw}
    return measure


def worse_at_95(ours, theirs):
    """One-sided rank test (Mann and Whitney 1947, normal approximation): is ours smaller?"""
    wins = sum((a > b) + 0.5 * (a == b) for a in ours for b in theirs)
    mean, n, m = len(ours) * len(theirs) / 2, len(ours), len(theirs)
    deviation = math.sqrt(n * m * (n + m + 1) / 12)
    return wins < mean - 1.645 * deviation


def nsga2_ratio(raw):
    ours, theirs = raw["rounds"]["lathe"], raw["rounds"][raw["peer"]]
    if worse_at_95(ours["hypervolume"], theirs["hypervolume"]):
        return (f"n/a: hypervolume {statistics.median(ours['hypervolume']):.4f} is below "
                f"{statistics.median(theirs['hypervolume']):.4f} of {raw['peer']}")
    return statistics.median(theirs["seconds"]) / statistics.median(ours["seconds"])


def nsga2_figure(peer, population, bound):
    return Figure(f"nsga2_vs_{peer}_n{population}", "x", ">=", bound, nsga2_rounds(peer, population), nsga2_ratio)


# ---- Sorts

def cloud(shape, points, objectives):
    source = random.Random(f"{shape} {points} {objectives}")
    rows = array("d")
    for _ in range(points):
        row = [source.random() for _ in range(objectives)]
        if shape == "one_front":
            row[-1] = -sum(row[:-1])
        elif shape == "chain":
            row = [row[0]] * objectives
        elif shape == "ties":
            row = [math.floor(10 * x) for x in row]
        rows.extend(row)
    return struct.pack("=QQ", points, objectives) + rows.tobytes()


@functools.cache
def sort_rounds(build, objectives):
    folder = build / "optimizers"
    folder.mkdir(parents=True, exist_ok=True)
    clouds = [(shape, points) for shape in ("random", "one_front", "chain", "ties") for points in SORT_POINTS]
    files = []
    for shape, points in clouds:
        files.append(folder / f"{shape}_{points}_{objectives}.points")
        files[-1].write_bytes(cloud(shape, points, objectives))
    raw = {f"{shape}/{points}": {"lathe": [], "pagmo": [], "moocore": []} for shape, points in clouds}
    for _ in range(SORT_ROUNDS):
        ranks = {}
        for name in ("lathe", "pagmo", "moocore"):
            runs = output(*side(build, name), "sort", *files)
            ranks[name] = [run["ranks"] for run in runs]
            for rounds, run in zip(raw.values(), runs):
                rounds[name].append(run["seconds"])
        for name in ("pagmo", "moocore"):
            if ranks[name] != ranks["lathe"]:
                sys.exit(f"{name} and lathe rank points differently")
    return raw


def sort_ratios(raw):
    def median(rounds, name):
        return statistics.median(rounds[name])
    return [min(median(r, "pagmo"), median(r, "moocore")) / median(r, "lathe") for r in raw.values()]


def sort_figure(objectives):
    return Figure(f"sort_vs_best_m{objectives}", "x", ">=", 2, lambda build: sort_rounds(build, objectives),
                  lambda raw: statistics.geometric_mean(sort_ratios(raw)))


FIGURES = [
    *share_figures("nb201_nsga2", "nsga2", 500, 0.996),
    *share_figures("nb201_nsga2", "nsga2", 1000, 0.999),
    *share_figures("nb201_surrogate", "surrogate_search", 150, 0.990),
    *share_figures("nb201_surrogate", "surrogate_search", 300, 0.998),
    evolution_figure("nb201_evolution_500", 94.30, PROXY),
    evolution_figure("nb201_evolution_oracle_500", 94.36, ORACLE),
    Figure("repeats", "share", "=", 0, repeats, share_of_repeats),
    Figure("overhead_us", "us", "<=", 1, overhead, microseconds),
    nsga2_figure("pagmo", 100, 10),
    nsga2_figure("pagmo", 1000, 50),
    nsga2_figure("pymoo", 100, 100),
    nsga2_figure("pymoo", 1000, 100),
    sort_figure(2),
    sort_figure(3),
    sort_figure(4),
    Figure("sort_worst", "x", ">=", 1, lambda build: {str(m): sort_rounds(build, m) for m in (2, 3, 4)},
           lambda raw: min(ratio for rounds in raw.values() for ratio in sort_ratios(rounds))),
]
