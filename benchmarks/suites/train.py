# SPDX-License-Identifier: Apache-2.0
"""Training: a step beside PyTorch's, the depthwise weight gradient beside oneDNN's, and accuracies."""
import functools
import statistics

from figures import Figure
from sides import PEERS as PEER_PROGRAMS
from sides import ROOT, Side, median_of_rounds, run_lines
from suites import main as main_suite

TARGETS = [*main_suite.TARGETS, "train_step", "train_ranks", "train_accuracy", "train_precision",
           "depthwise_gradient"]
PEERS = ["torch"]
THREADS = 2
ROUNDS = 7
STEPS = {"k3": 6, "k5": 6, "k7": 6, "mobile32": 2}  # of a turn
OVERHEAD_ROUNDS, OVERHEAD_STEPS = 5, 24
GRADIENT_ROUNDS = 7
MINUTES = 60
PRECISION_SEEDS = range(1, 33)  # one start alone is off by 1.2 points (standard deviation)
ALONE = ["smallest", "0", "1", "2"]


# ---- A step: forward, backward, clip, update

def space_argument(name):
    return name if name == "mobile32" else ROOT / "benchmarks" / "specs" / f"{name}.json"


@functools.cache
def step_rounds(build, name):
    """One comparison serves the figures of both precisions."""
    folder = build / "train" / name
    with Side(build / "train_step", space_argument(name), "automatic", THREADS, folder) as automatic, \
            Side(build / "train_step", space_argument(name), "f32", THREADS, folder) as f32:
        automatic.ask(1), f32.ask(1)  # the folder is complete
        with Side(PEER_PROGRAMS / "torch_train.py", folder, THREADS) as torch:
            ready = torch.ask("modes")
            rounds = {"ours_automatic": [], "ours_f32": [], **{mode: [] for mode in ready["modes"]}}
            for _ in range(ROUNDS):
                rounds["ours_automatic"].append(automatic.ask(STEPS[name])["seconds"])
                rounds["ours_f32"].append(f32.ask(STEPS[name])["seconds"])
                for mode in ready["modes"]:
                    rounds[mode].append(torch.ask(mode, STEPS[name])["seconds"])
        return {"bf16": automatic.finish()["bf16"], "rounds": rounds, "skipped": ready["skipped"]}


def speedup(raw, precisions):
    """The best of PyTorch's modes over the best of ours."""
    def best(names):
        return min(median_of_rounds(raw["rounds"][name]) for name in names)
    ours = ["ours_f32"] if precisions == ("f32",) else ["ours_f32", "ours_automatic"]
    return best(n for n in raw["rounds"] if n.startswith(precisions)) / best(ours)


def best_speedup(raw):
    return speedup(raw, ("f32", "bf16")) if raw["bf16"] else "n/a: this CPU has no bf16"


def f32_speedup(raw):
    return speedup(raw, ("f32",))


def speedup_figure(name, network, bound, value=best_speedup):
    return Figure(name, "x", ">=", bound, lambda build: step_rounds(build, network), value)


# ---- Depthwise weight gradient

def gradient_rounds(kernel):
    def measure(build):
        return [shape for threads in (1, 2)
                for shape in run_lines(build / "depthwise_gradient", kernel, threads, GRADIENT_ROUNDS)]
    return measure


def gradient_speedup(raw):
    return statistics.geometric_mean(
        min(statistics.median(shape["nhwc"]), statistics.median(shape["any"])) / statistics.median(shape["ours"])
        for shape in raw)


def gradient_figure(kernel, bound):
    return Figure(f"dw_grad_speedup_k{kernel}", "x", ">=", bound, gradient_rounds(kernel), gradient_speedup)


# ---- What a step spends outside of kernels

def overhead_rounds(build):
    raw = []
    for _ in range(OVERHEAD_ROUNDS):
        with Side(build / "train_step", "mobile32", "automatic", THREADS) as side:
            side.ask(OVERHEAD_STEPS)
            raw.append(side.finish())
    return raw


def overhead(raw):
    return 100 * statistics.median(1 - run["kernel_seconds"] / run["seconds"] for run in raw)


# ---- Ranks

def ranks_rounds(build):
    program = build / "train_ranks"
    if not program.exists():
        return {"reason": "this build has no MPI"}
    raw = {"1": [], "2": []}
    for _ in range(ROUNDS):
        for ranks, rounds in raw.items():
            rounds.extend(run_lines("mpirun", "--allow-run-as-root", "--bind-to", "core", "-n", ranks, program))
    return raw


def scaling(raw):
    if "reason" in raw:
        return "n/a: " + raw["reason"]
    one, two = (statistics.median(run["images_per_second"] for run in raw[ranks]) for ranks in ("1", "2"))
    return two / one


# ---- Accuracy in bf16

def precision_runs(build):
    """The quickstart's supernet in both precisions, from several starts."""
    spec = ROOT / "examples" / "quickstart.json"
    return [run_lines(build / "train_precision", spec, seed)[0] for seed in PRECISION_SEEDS]


def lost_in_bf16(raw):
    """Mean over starts and members, in points."""
    if any("bf16" not in run for run in raw):
        return "n/a: this CPU has no bf16"
    return 100 * statistics.mean(a - b for run in raw for a, b in zip(run["f32"], run["bf16"], strict=True))


# ---- Accuracy on CIFAR-10

@functools.cache
def supernet(build):
    """Judges the training of the suite "main"."""
    searched = main_suite.cifar10(build)
    if "reason" in searched:
        return searched
    return run_lines(build / "train_accuracy", searched["study"], THREADS, "supernet")[0]


@functools.cache
def alone(build):
    shared = supernet(build)
    if "reason" in shared:
        return shared
    study = main_suite.cifar10(build)["study"]
    runs = {member: run_lines(build / "train_accuracy", study, THREADS, "alone", member)[0] for member in ALONE}
    return {"supernet": shared, "alone": runs}


def no_accuracy(raw):
    if "reason" in raw:
        return "n/a: " + raw["reason"]
    if raw["seconds"] > 60 * MINUTES + 10:
        return f"n/a: the training took {raw['seconds'] / 60:.1f} minutes"
    return None


def accuracy_figure(member, bound):
    return Figure(f"cifar10_acc_{member}", "%", ">=", bound, supernet,
                  lambda raw: no_accuracy(raw) or 100 * raw["accuracy"][member])


def alone_gap(raw):
    shared = raw.get("supernet", raw)
    if no_accuracy(shared):
        return no_accuracy(shared)
    return 100 * max(run["accuracy"][member] - shared["accuracy"][member] for member, run in raw["alone"].items())


FIGURES = [
    speedup_figure("speedup_k3", "k3", 4),
    speedup_figure("speedup_k5", "k5", 5),
    speedup_figure("speedup_k7", "k7", 5),
    speedup_figure("speedup_sandwich32", "mobile32", 5),
    speedup_figure("speedup_f32_k3", "k3", 2.5, f32_speedup),
    speedup_figure("speedup_f32_k5", "k5", 3, f32_speedup),
    speedup_figure("speedup_f32_k7", "k7", 3, f32_speedup),
    gradient_figure(5, 8),
    gradient_figure(7, 7),
    Figure("overhead", "%", "<=", 10, overhead_rounds, overhead),
    Figure("ranks2_scaling", "x", ">=", 1.8, ranks_rounds, scaling),
    Figure("bf16_loss", "points", "<=", 0.5, precision_runs, lost_in_bf16),
    accuracy_figure("largest", 91),
    accuracy_figure("smallest", 82),
    Figure("alone_gap", "points", "<=", 1.5, alone, alone_gap),
]
