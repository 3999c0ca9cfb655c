#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The machinery of the figures, and every committed figure recomputed from its raw rounds."""
import json
import sys
import tempfile
import unittest
import unittest.mock
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import figures  # noqa: E402


def recomputed(suite, results):
    """Names whose stored value is not what the raw rounds give, or which the suite does not know."""
    known = {figure.name: figure for figure in suite}
    return [name for name, entry in results.figures.items()
            if name not in known or known[name].value(entry["raw"]) != entry["value"]]


class Machinery(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "results" / "train.json"
        self.measured = 0
        self.ratio = figures.Figure("ratio", "x", ">=", 5, self.measure, lambda raw: raw["ours"] / raw["theirs"])

    def measure(self, build):
        self.measured += 1
        return {"ours": 9.0, "theirs": 2.0}

    def run_once(self, conditions):
        return figures.run([self.ratio], figures.Results(self.path), conditions, Path("build"), lambda text: None)

    def test_a_figure_is_measured_once_for_each_set_of_conditions(self):
        for conditions, measured in [({"sources": "a", "machine": 1}, 1), ({"sources": "a", "machine": 1}, 1),
                                     ({"sources": "a", "machine": 2}, 2), ({"sources": "b", "machine": 2}, 3),
                                     ({"sources": None, "machine": 2}, 4), ({"sources": None, "machine": 2}, 5)]:
            self.assertEqual(self.run_once(conditions), [(self.ratio, 4.5)])
            self.assertEqual(self.measured, measured)

    def test_lines_for_people_and_programs(self):
        self.assertEqual(figures.figure_line("train", self.ratio, 4.5), "FIGURE train.ratio 4.5 x goal >= 5")
        self.assertEqual(figures.figure_line("train", self.ratio, "no bf16 here"),
                         "FIGURE train.ratio n/a x goal >= 5")
        self.assertIn("missed", figures.table([(self.ratio, 4.999)]))
        self.assertIn("reached", figures.table([(self.ratio, 5.0)]))
        self.assertIn("no bf16 here", figures.table([(self.ratio, "no bf16 here")]))

    def test_a_figure_changed_by_hand_is_found(self):
        self.run_once({"sources": "a"})
        self.assertEqual(recomputed([self.ratio], figures.Results(self.path)), [])
        stored = json.loads(self.path.read_text())
        stored["ratio"]["value"] = 5.1
        self.path.write_text(json.dumps(stored))
        self.assertEqual(recomputed([self.ratio], figures.Results(self.path)), ["ratio"])
        self.assertEqual(recomputed([], figures.Results(self.path)), ["ratio"])

    def test_an_unpacked_release_has_no_commit(self):
        with unittest.mock.patch.object(figures, "HERE", self.path.parent):
            self.assertIsNone(figures.sources())

    def test_a_figure_that_is_no_number_is_not_stored(self):
        with self.assertRaises(ValueError):
            figures.Results(self.path).keep("ratio", {}, {}, float("nan"))
        self.assertFalse(self.path.exists())


class Committed(unittest.TestCase):
    def test_every_figure_follows_from_its_raw_rounds(self):
        for path in sorted((figures.HERE / "results").glob("*.json")):
            with self.subTest(suite=path.stem):
                self.assertEqual(recomputed(figures.load_suite(path.stem).FIGURES, figures.Results(path)), [])


if __name__ == "__main__":
    unittest.main()
