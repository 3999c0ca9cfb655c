#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pymoo's NSGA-II and moocore's sort; arguments and output as in side.hpp."""
import json
import statistics
import sys
import time

import numpy as np

AXES, OPTIONS = 30, 64


def run_nsga2(population, generations, seed, crossover, mutations):
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.problem import Problem
    from pymoo.operators.crossover.sbx import SBX
    from pymoo.operators.mutation.pm import PM
    from pymoo.operators.repair.rounding import RoundingRepair
    from pymoo.operators.sampling.rnd import IntegerRandomSampling

    table = np.arange(OPTIONS) / (OPTIONS - 1)

    class Zdt1(Problem):
        def __init__(self):
            super().__init__(n_var=AXES, n_obj=2, xl=0, xu=OPTIONS - 1, vtype=int)

        def _evaluate(self, x, out, *args, **kwargs):
            values = table[x.astype(int)]
            g = 1 + 9 * values[:, 1:].sum(axis=1) / (AXES - 1)
            out["F"] = np.column_stack([values[:, 0], g * (1 - np.sqrt(values[:, 0] / g))])

    # The operators for integers of pymoo's own documentation.
    method = NSGA2(pop_size=population, sampling=IntegerRandomSampling(),
                   crossover=SBX(prob=crossover, eta=3.0, vtype=float, repair=RoundingRepair()),
                   mutation=PM(prob=1.0, prob_var=mutations / AXES, eta=3.0, vtype=float,
                               repair=RoundingRepair()))
    method.setup(Zdt1(), termination=("n_gen", generations + 1), seed=seed, verbose=False)
    method.next()  # the random population
    start = time.perf_counter()
    while method.has_next():
        method.next()
    seconds = (time.perf_counter() - start) / generations
    return {"seconds": seconds, "points": method.pop.get("F").tolist()}


def seconds_of(call):
    times, total = [], 0.0
    while (len(times) < 3 and total < 1) or total < 0.05:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
        total += times[-1]
    return statistics.median(times)


def sort(path):
    """The C function on ready buffers, without what a call from Python costs."""
    from moocore._moocore import ffi, lib

    with open(path, "rb") as file:
        points, objectives = np.fromfile(file, dtype=np.uint64, count=2).tolist()
        rows = np.fromfile(file, dtype=np.float64)
    ranks = np.zeros(points, dtype=np.intc)
    data, out = ffi.from_buffer("double []", rows), ffi.from_buffer("int []", ranks)
    empty = seconds_of(lambda: lib.pareto_rank(out, data, 1, objectives))
    seconds = seconds_of(lambda: lib.pareto_rank(out, data, points, objectives))
    return {"seconds": seconds - empty, "ranks": ranks.tolist()}


if __name__ == "__main__":
    command, arguments = sys.argv[1], sys.argv[2:]
    if command == "nsga2":
        result = run_nsga2(*map(int, arguments[:3]), *map(float, arguments[3:]))
    else:
        result = [sort(path) for path in arguments]
    print(json.dumps(result))
