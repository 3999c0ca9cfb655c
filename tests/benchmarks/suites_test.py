#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How suites make figures of raw rounds, and how sides take turns."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import figures  # noqa: E402
import sides  # noqa: E402

sys.modules.setdefault("figures", figures)


class Suites(unittest.TestCase):
    def test_every_suite_loads_without_its_peers_and_names_its_figures_once(self):
        for name in figures.suite_names():
            with self.subTest(suite=name):
                names = [figure.name for figure in figures.load_suite(name).FIGURES]
                self.assertEqual(len(names), len(set(names)))
                self.assertGreater(len(names), 0)

    def test_a_speedup_is_between_the_best_of_both_sides(self):
        train = figures.load_suite("train")
        raw = {"bf16": True, "rounds": {"ours_automatic": [[1, 1, 9], [1, 2, 2], [1, 1, 1]], "ours_f32": [[2], [2], [2]],
                                        "f32_eager": [[10], [10], [10]], "f32_compiled": [[8], [8], [8]],
                                        "bf16_eager": [[6], [7], [90]]}}
        self.assertEqual(train.best_speedup(raw), 7)
        self.assertEqual(train.f32_speedup(raw), 4)
        self.assertIn("n/a", train.best_speedup({**raw, "bf16": False}))

    def test_what_bf16_loses_is_a_mean_over_starts_and_members(self):
        train = figures.load_suite("train")
        raw = [{"f32": [0.9, 0.8], "bf16": [0.88, 0.8]}, {"f32": [0.9, 0.8], "bf16": [0.9, 0.82]}]
        self.assertAlmostEqual(train.lost_in_bf16(raw), 0)
        self.assertAlmostEqual(train.lost_in_bf16(raw[:1]), 1)
        self.assertIn("n/a", train.lost_in_bf16([{"f32": [0.9]}]))

    def test_accuracies_count_within_the_time_that_is_allowed(self):
        train = figures.load_suite("train")
        shared = {"seconds": 3600.2, "accuracy": {"largest": 0.92, "smallest": 0.83, "0": 0.9}}
        raw = {"supernet": shared, "alone": {"smallest": {"accuracy": {"smallest": 0.84}},
                                             "0": {"accuracy": {"0": 0.89}}}}
        self.assertAlmostEqual(train.accuracy_figure("largest", 91).value(shared), 92)
        self.assertAlmostEqual(train.alone_gap(raw), 1)
        late = {**shared, "seconds": 4000}
        self.assertIn("n/a", train.accuracy_figure("largest", 91).value(late))
        self.assertIn("n/a", train.alone_gap({**raw, "supernet": late}))
        self.assertIn("n/a", train.alone_gap({"reason": "there are no images"}))

    def test_latencies_are_compared_with_the_faster_peer_on_a_fair_file(self):
        infer = figures.load_suite("infer")
        member = {"ours": [90, 100, 400], "onnxruntime": [210], "onnxruntime_torch": [210], "openvino": [190],
                  "openvino_torch": [190]}
        slow = {**member, "ours": [160]}
        raw = {"members": [member, slow], "identity": {"onnxruntime": [10], "openvino": [40]}}
        self.assertEqual(infer.ratios(raw), [100 / 150, 160 / 150])
        self.assertEqual(infer.worst_ratio(raw), 160 / 150)
        unfair = {**member, "openvino_torch": [180]}
        self.assertIn("openvino", infer.mean_ratio({**raw, "members": [unfair, unfair]}))

    def test_memory_is_exact_only_when_nothing_else_was_touched(self):
        memory = figures.load_suite("memory")
        row = {"predicted": 640, "mapped": 640, "written_outside": 0, "heap_taken": 0, "heap_retained": 0}
        self.assertEqual(memory.exact([row, row]), 0)
        self.assertEqual(memory.exact([row, {**row, "mapped": 704}]), 64)
        self.assertIn("n/a", memory.exact([row, {**row, "written_outside": 4}]))
        self.assertIn("n/a", memory.exact([row, {**row, "heap_taken": 24}]))


class Sides(unittest.TestCase):
    def side(self, code):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        program = Path(folder.name) / "side.py"
        program.write_text(code)
        return sides.Side(program)

    def test_a_side_answers_each_line_and_says_good_bye(self):
        code = "import sys\nfor line in sys.stdin:\n    print(len(line.split()), flush=True)\nprint('\"end\"')"
        with self.side(code) as side:
            self.assertEqual(side.ask("a", 1, 2.5), 3)
            self.assertEqual(side.ask("b"), 1)
            self.assertEqual(side.finish(), "end")

    def test_a_side_that_ends_early_is_an_error_with_its_code(self):
        with self.assertRaisesRegex(RuntimeError, "code 3"), self.side("import sys\nsys.exit(3)") as side:
            side.hear()

    def test_percentiles_are_values_of_the_sample(self):
        self.assertEqual(sides.percentile(range(1, 101), 99), 99)
        self.assertEqual(sides.percentile([5, 1, 3], 50), 3)
        self.assertEqual(sides.percentile([7], 99), 7)
        self.assertEqual(sides.median_of_rounds([[1, 9, 2], [5], [3, 4, 4]]), 4)


if __name__ == "__main__":
    unittest.main()
