#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each rule passes a sound tree and finds what was broken in it.

usage: selftest.py COMPILER
"""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import check

HERE = Path(__file__).resolve().parent
COMPILER = sys.argv.pop()
CPP = f"// {check.SPDX}\n"

SOUND = {
    "CMakeLists.txt": f"# {check.SPDX}\n",
    "CMakePresets.json": '{"configurePresets": [{"name": "dev"}, {"name": "base", "hidden": true}]}',
    "LICENSE": "", "CONTRIBUTING.md": "", "CHANGELOG.md": "", ".gitignore": "/build*/\n",
    "README.md": "```sh\ntests/run.sh   # sets up\ncmake --preset dev\n```\n",
    "include/lathe/core/error.hpp": CPP + "// virtual only in words\n#include <string>\n#include <fmt/core.h>\n",
    "include/lathe/network/op.hpp": CPP + '#include "lathe/core/error.hpp"\n',
    "include/lathe/network/boost_graph.hpp": CPP + "#include <boost/graph/graph_traits.hpp>\n",
    "include/lathe/search/any.hpp": CPP + "struct any { virtual ~any(); };\n",
    "src/engine/run.cpp": CPP + '#include "engine/run.hpp"\n#include <dnnl.hpp>\n#include "lathe/network/op.hpp"\n',
    "src/engine/run.hpp": CPP,
    "examples/a.cpp": CPP, "benchmarks/run.sh": f"#!/bin/sh\n# {check.SPDX}\n",
    "tests/run.sh": f"#!/bin/sh\n# {check.SPDX}\n", "cmake/options.cmake": f"# {check.SPDX}\n",
    "docs/architecture.md": "", "build/dev/generated.cpp": "",
}

# rule -> (file, new content or None to remove it, part of the message)
BROKEN = {
    "layers": [
        ("include/lathe/core/error.hpp", CPP + '#include "lathe/network/op.hpp"\n', "core (layer 0) includes"),
        ("src/engine/run.cpp", CPP + '#include "lathe/data/loader.hpp"\n', "data is layer 2"),
        ("src/engine/run.cpp", CPP + '# include "supernet/train.hpp"\n', "supernet is layer 3"),
        ("src/engine/run.cpp", CPP + '#include "../network/op.hpp"\n', "write the path"),
        ("src/misc/run.cpp", CPP, "no layer"),
        ("include/lathe/lathe.hpp", CPP, "no layer"),
    ],
    "header_length": [("src/engine/run.hpp", CPP + "\n" * 400, "401 lines")],
    "virtual": [("include/lathe/core/error.hpp", CPP + "struct a { virtual void f(); };\n", "'virtual'")],
    "public_includes": [
        ("include/lathe/core/error.hpp", CPP + "#include <Eigen/Dense>\n", "<Eigen/Dense>"),
        ("include/lathe/core/error.hpp", CPP + '#include "dnnl.hpp"\n', "<dnnl.hpp>"),
        ("include/lathe/core/error.hpp", CPP + "#include <boost/graph/graph_traits.hpp>\n", "<boost/"),
        ("include/lathe/network/boost_graph.hpp", CPP + "#include <hwy/highway.h>\n", "<hwy/highway.h>"),
    ],
    "spdx": [
        ("src/engine/run.cpp", "#include <vector>\n", "src/engine/run.cpp"),
        ("cmake/options.cmake", "set(a b)\n", "cmake/options.cmake"),
        ("tests/run.sh", "#!/bin/sh\nset -e\n", "tests/run.sh"),
    ],
    "ascii_code": [("src/engine/run.cpp", CPP + "// \u00b5s\n", "run.cpp:2")],
    "machine_paths": [
        ("docs/architecture.md", "see /" + "home/ann/lathe", "docs/architecture.md:1"),
        ("tests/run.sh", "cd /" + "work/lathe", "tests/run.sh:1"),
    ],
    "top_level": [("notes.txt", "", "notes.txt: unexpected"), ("LICENSE", None, "LICENSE: missing")],
    "documented_commands": [
        ("README.md", "```sh\nexamples/quickstart.sh\n```\n", "'examples/quickstart.sh' of a command"),
        ("README.md", "```sh\n$ lathe search \\\n  examples/b.json\n```\n", "'examples/b.json' of a command"),
        ("README.md", "```sh\nexamples/a.cpp\n```\n", "not executable"),
        ("README.md", "```sh\ncmake --preset base\n```\n", "no preset 'base'"),
    ],
}


def write(root, files):
    for name, content in files.items():
        path = root / name
        if content is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        path.chmod(0o755 if path.suffix == ".sh" else 0o644)


class Rules(unittest.TestCase):
    def test_every_rule_has_a_broken_tree(self):
        self.assertEqual(set(BROKEN), set(check.RULES))

    def test_each_breach_is_found_and_a_sound_tree_passes(self):
        for with_git in (False, True):
            for rule, cases in BROKEN.items():
                for name, content, message in cases:
                    with self.subTest(rule=rule, name=name, git=with_git), tempfile.TemporaryDirectory() as folder:
                        root = Path(folder)
                        write(root, SOUND)
                        if with_git:
                            subprocess.run(["git", "init", "-q", folder], check=True)
                        self.assertEqual(list(check.RULES[rule](check.Tree(folder))), [])
                        write(root, {name: content})
                        breaches = list(check.RULES[rule](check.Tree(folder)))
                        self.assertEqual(len(breaches), 1, breaches)
                        self.assertIn(message, breaches[0])

    def test_the_program_fails_with_the_breach_on_a_line(self):
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), SOUND | {"notes.txt": ""})
            command = [sys.executable, HERE / "check.py", folder]
            self.assertEqual(subprocess.run([*command, "spdx"], capture_output=True).returncode, 0)
            result = subprocess.run([*command, "spdx", "top_level"], capture_output=True, text=True)
            self.assertEqual((result.returncode, result.stdout), (1, "notes.txt: unexpected at the top level\n"))
            self.assertNotIn(subprocess.run([*command, "spelling"], capture_output=True).returncode, (0,))


class Headers(unittest.TestCase):
    def run_on(self, content):
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), {"lathe/a.hpp": "#pragma once\ninline int one() { return 1; }\n",
                                 "lathe/b.hpp": content})
            return subprocess.run([sys.executable, HERE / "headers.py", folder, COMPILER],
                                  capture_output=True, text=True)

    def test_a_header_that_needs_another_is_found(self):
        self.assertEqual(self.run_on('#include "lathe/a.hpp"\ninline int two() { return one() + 1; }\n').returncode, 0)
        result = self.run_on("inline int two() { return one() + 1; }\n")
        self.assertEqual(result.returncode, 1)
        self.assertIn("lathe/b.hpp does not compile alone", result.stdout)

    def test_a_warning_is_a_failure_and_so_is_an_empty_folder(self):
        self.assertEqual(self.run_on("inline int f(double x) { return x; }\n").returncode, 1)
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, HERE / "headers.py", folder, COMPILER]
            self.assertEqual(subprocess.run(command, capture_output=True).returncode, 1)


if __name__ == "__main__":
    unittest.main()
