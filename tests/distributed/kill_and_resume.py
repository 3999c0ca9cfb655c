#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A rank is killed in the middle of training: the job ends, and goes on from the checkpoint to the weights
of a job that was not interrupted.

usage: kill_and_resume.py PROGRAM LAUNCHER...
"""
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

program, launcher = sys.argv[1], sys.argv[2:]
STEPS = 150  # as in mpi_test.cpp


def start(folder):
    return subprocess.Popen([*launcher, program, "child that trains with checkpoints"],
                            env=os.environ | {"LATHE_TEST_FOLDER": str(folder)},
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(folder):
    """Steps of this session and the hash of the weights."""
    job = start(folder)
    output, _ = job.communicate(timeout=120)
    if job.returncode != 0:
        sys.exit(f"the job ended with {job.returncode}:\n{output}")
    steps, weights = (folder / "result").read_text().split()
    return int(steps), weights


def kill_a_rank(folder):
    job = start(folder)
    deadline = time.monotonic() + 60
    while not (folder / "weights.safetensors").exists():
        if time.monotonic() > deadline or job.poll() is not None:
            sys.exit(f"no checkpoint was written:\n{job.communicate()[0]}")
        time.sleep(0.01)
    time.sleep(0.1)
    os.kill(int((folder / "pid1").read_text()), signal.SIGKILL)
    job.communicate(timeout=60)
    if job.returncode == 0:
        sys.exit("the job did not notice that a rank was killed")


def main():
    with tempfile.TemporaryDirectory() as name:
        whole, broken = Path(name, "whole"), Path(name, "broken")
        whole.mkdir()
        broken.mkdir()
        steps, expected = finish(whole)
        if steps != STEPS:
            sys.exit(f"{steps} steps without interruption")
        kill_a_rank(broken)
        steps, weights = finish(broken)
        if not 0 < steps < STEPS:
            sys.exit(f"{steps} steps after the interruption: it was not in the middle")
        if weights != expected:
            sys.exit(f"weights {weights} instead of {expected}")


if __name__ == "__main__":
    main()
