#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules about the tree itself.

usage: check.py ROOT RULE...     one line for each breach; exit code 1 when there is any

Each rule is a function from a Tree to its breaches; RULES at the end names them.
"""
import json
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

LAYER = {
    folder: layer
    for layer, folders in enumerate([
        "core",
        "format network pareto",
        "data search_space engine constraint",
        "supernet cost_model optimizer",
        "evaluator",
        "search",
        "store export report distributed testing",
        "cli",
    ])
    for folder in folders.split()
}
TOP_LEVEL = set("CMakeLists.txt include src examples benchmarks tests cmake docs README.md LICENSE "
                "CONTRIBUTING.md CHANGELOG.md CMakePresets.json".split())
MAX_HEADER_LINES = 400
SPDX = "SPDX-License-Identifier: Apache-2.0"
CODE = {".hpp", ".cpp"}
SCRIPTS = {".py", ".sh", ".cmake"}


class Tree:
    def __init__(self, root):
        self.root = Path(root)
        if (self.root / ".git").exists():
            listing = subprocess.run(
                ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                check=True, capture_output=True, text=True).stdout
            paths = sorted(set(listing.split("\0")) - {""})
        else:  # an unpacked release, perhaps built in
            made = [line.strip("/") for line in (self.root / ".gitignore").read_text().split()]
            inside = (p.relative_to(self.root) for p in self.root.rglob("*"))
            paths = sorted(str(p) for p in inside
                           if not any(fnmatch(part, name) for part in p.parts for name in made))
        self.files = [Path(p) for p in paths if (self.root / p).is_file()]

    def text(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    def headers(self):
        return [p for p in self.files if p.suffix == ".hpp"]

    def public_headers(self):
        return [p for p in self.headers() if p.parts[0] == "include"]


def folder_of(path):
    """The concept folder that a file belongs to; None outside the library."""
    if path.parts[0] == "include":
        return path.parts[2]
    if path.parts[0] == "src":
        return path.parts[1] if len(path.parts) > 2 else None
    return None


def includes(text):
    return re.findall(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]', text, re.MULTILINE)


def without_comments_and_strings(text):
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', " ", text, flags=re.DOTALL)


def layers(tree):
    """A folder includes only folders of a lower layer."""
    for path in tree.files:
        if path.suffix not in CODE or path.parts[0] not in ("include", "src"):
            continue
        own = folder_of(path)
        if own is None:
            continue
        if own not in LAYER:
            yield f"{path}: folder '{own}' has no layer; see docs/architecture.md"
            continue
        for name in includes(tree.text(path)):
            parts = name.removeprefix("lathe/").split("/")
            if ".." in parts:
                yield f"{path}: includes {name}; write the path from include/ or src/"
            if len(parts) < 2 or parts[0] not in LAYER or parts[0] == own:
                continue
            if LAYER[parts[0]] >= LAYER[own]:
                yield (f"{path}: {own} (layer {LAYER[own]}) includes {name} "
                       f"({parts[0]} is layer {LAYER[parts[0]]})")


def header_length(tree):
    for path in tree.headers():
        lines = tree.text(path).count("\n")
        if lines > MAX_HEADER_LINES:
            yield f"{path}: {lines} lines; split it by concept below {MAX_HEADER_LINES}"


def virtual(tree):
    """Types are erased in one place only."""
    for path in tree.public_headers():
        if path != Path("include/lathe/search/any.hpp"):
            if re.search(r"\bvirtual\b", without_comments_and_strings(tree.text(path))):
                yield f"{path}: 'virtual' in a public header; only search/any.hpp erases types"


def public_includes(tree):
    """Public headers need the standard library, fmt and nothing else."""
    allowed = re.compile(r"[a-z_0-9]+|fmt/[a-z]+\.h|lathe/[a-z_0-9/]+\.hpp")
    for path in tree.public_headers():
        for name in includes(tree.text(path)):
            adaptor = path == Path("include/lathe/network/boost_graph.hpp") and name.startswith("boost/")
            if not allowed.fullmatch(name) and not adaptor:
                yield f"{path}: includes <{name}>; other libraries stay under src/"


def spdx(tree):
    for path in tree.files:
        if path.suffix in CODE:
            if not tree.text(path).startswith(f"// {SPDX}\n"):
                yield f"{path}: the first line is not '// {SPDX}'"
        elif path.suffix in SCRIPTS or path.name == "CMakeLists.txt":
            if f"# {SPDX}" not in tree.text(path).split("\n")[:2]:
                yield f"{path}: '# {SPDX}' is missing at the top"


def ascii_code(tree):
    for path in tree.files:
        if path.suffix in CODE:
            for number, line in enumerate(tree.text(path).split("\n"), 1):
                if not line.isascii():
                    yield f"{path}:{number}: not ASCII"


def machine_paths(tree):
    """Nothing names a folder of the machine that it was written on."""
    pattern = re.compile(r"(?<![\w.}])/(?:work|root|home|Users)/[\w.]")
    for path in tree.files:
        for number, line in enumerate(tree.text(path).split("\n"), 1):
            if pattern.search(line):
                yield f"{path}:{number}: names a folder of one machine: {line.strip()[:80]}"


def top_level(tree):
    present = {p.parts[0] for p in tree.files if not p.parts[0].startswith(".")}
    yield from (f"{name}: unexpected at the top level" for name in sorted(present - TOP_LEVEL))
    yield from (f"{name}: missing at the top level" for name in sorted(TOP_LEVEL - present))


def documented_commands(tree):
    """What the documents tell people to run is there: scripts, spec files, presets."""
    presets = set()
    if Path("CMakePresets.json") in tree.files:
        settings = json.loads(tree.text("CMakePresets.json"))
        presets = {p["name"] for p in settings["configurePresets"] if not p.get("hidden")}
    for path in tree.files:
        if path.suffix != ".md":
            continue
        for block in re.findall(r"^```(?:sh|bash|console)\n(.*?)^```", tree.text(path), re.MULTILINE | re.DOTALL):
            for line in block.replace("\\\n", " ").split("\n"):
                words = line.split("#")[0].removeprefix("$ ").split()
                for place, word in enumerate(words):
                    is_ours = re.match(r"(\.ci|benchmarks|cmake|docs|examples|src|tests)/", word)
                    if is_ours and not (tree.root / word).exists():
                        yield f"{path}: '{word}' of a command does not exist"
                    elif is_ours and place == 0 and not (tree.root / word).stat().st_mode & 0o100:
                        yield f"{path}: '{word}' is not executable"
                    if word == "--preset" and words[place + 1:place + 2] and words[place + 1] not in presets:
                        yield f"{path}: there is no preset '{words[place + 1]}'"


RULES = {rule.__name__: rule for rule in [
    layers, header_length, virtual, public_includes, spdx, ascii_code, machine_paths, top_level,
    documented_commands]}


def main():
    if len(sys.argv) < 3 or not set(sys.argv[2:]) <= set(RULES):
        sys.exit(f"{__doc__}\nrules: {' '.join(RULES)}")
    tree = Tree(sys.argv[1])
    breaches = [breach for name in sys.argv[2:] for breach in RULES[name](tree)]
    print(*breaches, sep="\n")
    sys.exit(1 if breaches else 0)


if __name__ == "__main__":
    main()
