# SPDX-License-Identifier: Apache-2.0
"""What suites share: sides that take turns, and what is made of their rounds."""
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "benchmarks" / "peers"


class Side:
    """A program that answers each line of its input with one line of JSON.

    It lives as long as the comparison, so that it is compiled and warm once; while the others have
    their turns it sleeps. `cores`: the only ones it may run on.
    """

    def __init__(self, *command, cores=None, **environment):
        words = [str(word) for word in command]
        if words[0].endswith(".py"):
            words.insert(0, sys.executable)
        self.name = " ".join(words[-3:])
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **environment},
            preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if cores else None)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            self.process.kill()
        self.process.stdin.close()
        with self.process.stdout as rest:
            rest.read()
        self.process.wait()

    def tell(self, *words):
        print(*words, file=self.process.stdin, flush=True)

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with code {self.process.wait()} and without an answer")
        return json.loads(line)

    def ask(self, *words):
        self.tell(*words)
        return self.hear()

    def finish(self):
        """The last line, after the end of its input."""
        self.process.stdin.close()
        return self.hear()


def run_lines(*command):
    """What a program prints, one JSON object a line."""
    run = subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def percentile(values, percent):
    """The smallest value that is not below `percent` of all."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def median_of_rounds(rounds):
    return statistics.median(statistics.median(one) for one in rounds)
