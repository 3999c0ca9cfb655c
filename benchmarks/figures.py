#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Suites of figures: measure, keep the raw rounds, print the numbers beside their goals.

usage: figures.py [--targets] [SUITE[.FIGURE]...]
       without arguments: lists suites and figures; --targets: the CMake targets that the suites need

A suite is benchmarks/suites/SUITE.py with
    FIGURES   a list of Figure
    TARGETS   the CMake targets it runs (default: lathe_program)
    PEERS     the Python packages it compares with (default: none); their versions are recorded
"""
import functools
import importlib.metadata
import importlib.util
import json
import operator
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent / "build" / "bench"
OPERATORS = {">=": operator.ge, "<=": operator.le, "=": operator.eq, "<": operator.lt, ">": operator.gt}


@dataclass(frozen=True)
class Figure:
    """One number and one bound.

    measure(build folder) returns the raw rounds, anything that JSON holds; value(raw) makes the figure
    of them, or a text that says why there is none ("n/a" with its reason). value must need nothing but
    raw: a test recomputes every committed figure.
    """
    name: str
    unit: str
    op: str
    bound: float
    measure: Callable
    value: Callable


class Results:
    """benchmarks/results/SUITE.json."""

    def __init__(self, path):
        self.path = Path(path)
        self.figures = json.loads(self.path.read_text()) if self.path.exists() else {}

    def reusable(self, name, conditions):
        entry = self.figures.get(name)
        return entry is not None and entry["conditions"] == conditions

    def keep(self, name, conditions, raw, value):
        self.figures[name] = {"value": value, "conditions": conditions, "raw": raw}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps(self.figures, indent=1, sort_keys=True, allow_nan=False) + "\n")
        os.replace(partial, self.path)


def fingerprint():
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
                if line.startswith("model name")), platform.processor())
    return {"cpu": cpu, "cores": len(os.sched_getaffinity(0)), "kernel": platform.release()}


def sources():
    """The last commit that changed what is measured; None with changes on top of it, or without git's folder."""
    if not (HERE.parent / ".git").exists():
        return None

    def git(*arguments):
        return subprocess.run(["git", "-C", HERE.parent, *arguments], check=True, capture_output=True,
                              text=True).stdout.strip()
    paths = ["CMakeLists.txt", "cmake", "include", "src", "examples", "benchmarks", ":!benchmarks/results"]
    if git("status", "--porcelain", "--", *paths):
        return None
    return git("log", "-1", "--format=%H", "--", *paths)


@functools.cache
def load_suite(name):
    path = HERE / "suites" / f"{name}.py"
    if not path.exists():
        sys.exit(f"there is no suite '{name}'; suites: {' '.join(suite_names()) or 'none'}")
    spec = importlib.util.spec_from_file_location(f"suite_{name}", path)
    suite = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(suite)
    return suite


def suite_names():
    return sorted(p.stem for p in (HERE / "suites").glob("*.py"))


def select(wanted):
    """"train" or "train.speedup_k5" -> (suite name, suite, its figures asked for)."""
    suite_name, _, figure_name = wanted.partition(".")
    suite = load_suite(suite_name)
    figures = [f for f in suite.FIGURES if not figure_name or f.name == figure_name]
    if not figures:
        sys.exit(f"suite '{suite_name}' has no figure '{figure_name}'; "
                 f"figures: {' '.join(f.name for f in suite.FIGURES)}")
    return suite_name, suite, figures


def run(figures, results, conditions, build, report=print):
    """Returns [(figure, value)]; a figure whose conditions are as stored is not measured again."""
    rows = []
    for figure in figures:
        if conditions["sources"] and results.reusable(figure.name, conditions):
            report(f"{figure.name}: measured before")
        else:
            report(f"{figure.name}: measuring")
            raw = figure.measure(build)
            results.keep(figure.name, conditions, raw, figure.value(raw))
        rows.append((figure, results.figures[figure.name]["value"]))
    return rows


def number(value):
    return value if isinstance(value, str) else f"{value:.6g}"


def verdict(figure, value):
    if isinstance(value, str):
        return value
    return "reached" if OPERATORS[figure.op](value, figure.bound) else "missed"


def table(rows):
    width = max(len(figure.name) for figure, _ in rows)
    return "\n".join(f"{f.name:<{width}}  {'-' if isinstance(v, str) else number(v):>10} {f.unit:<8} "
                     f"goal {f.op} {number(f.bound):<8} {verdict(f, v)}" for f, v in rows)


def figure_line(suite_name, figure, value):
    shown = "n/a" if isinstance(value, str) else number(value)
    return f"FIGURE {suite_name}.{figure.name} {shown} {figure.unit} goal {figure.op} {number(figure.bound)}"


def main(arguments):
    sys.modules["figures"] = sys.modules[__name__]  # suites: from figures import Figure
    if not arguments:
        for name in suite_names():
            print(*[f"{name}.{figure.name}" for figure in load_suite(name).FIGURES], sep="\n")
        return
    if arguments[0] == "--targets":
        selected = [select(wanted)[1] for wanted in arguments[1:]]
        print(*sorted({t for suite in selected for t in getattr(suite, "TARGETS", ["lathe_program"])}))
        return
    for wanted in arguments:
        name, suite, figures = select(wanted)
        peers = {peer: importlib.metadata.version(peer) for peer in getattr(suite, "PEERS", [])}
        conditions = {"sources": sources(), "peers": peers, "machine": fingerprint()}
        rows = run(figures, Results(HERE / "results" / f"{name}.json"), conditions, BUILD)
        print(table(rows))
        print(*[figure_line(name, figure, value) for figure, value in rows], sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
