# SPDX-License-Identifier: Apache-2.0
"""Evaluation: how many subnets a minute are recalibrated on 2,000 images and scored on 5,000."""
import statistics

from figures import Figure
from sides import run_lines

TARGETS = ["evaluate_members"]
THREADS = 2
ROUNDS, MEMBERS = 7, 6


def rounds(build):
    return run_lines(build / "evaluate_members", ROUNDS, MEMBERS, THREADS)


def subnets_per_minute(raw):
    return statistics.median(60 * one["members"] / one["seconds"] for one in raw)


FIGURES = [Figure("subnets_per_minute", "/min", ">=", 40, rounds, subnets_per_minute)]
