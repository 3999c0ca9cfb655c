# SPDX-License-Identifier: Apache-2.0
"""The main job: from images and limits to a chosen network in ONNX."""
import functools
import json
import subprocess
import sys
import time
from pathlib import Path

from figures import Figure, sources

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ["lathe_program", "export_members"]
PEERS = ["onnxruntime", "onnx"]
MEMBERS, IMAGES = 60, 256
NOTHING_CHOSEN = 3  # exit code of a search that is complete but has no network to recommend


def search(build, spec, name):
    """A search from nothing to its end, an older one moved aside, and what the figures need of it."""
    out = build / "main" / name
    if out.exists():
        out.rename(out.with_name(f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"))
    out.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    ended = subprocess.run([build / "lathe", "search", ROOT / spec, "--out", out], cwd=ROOT,
                           stdout=subprocess.DEVNULL).returncode
    if ended not in (0, NOTHING_CHOSEN):
        sys.exit(f"lathe search {spec} ended with {ended}")
    seconds = time.monotonic() - start
    study = json.loads((out / "study.json").read_text())
    choice = study["choices"][0]
    return {
        "seconds": seconds,
        "training_minutes": json.loads((ROOT / spec).read_text())["training"].get("minutes"),
        "largest": study["largest_test_accuracy"]["value"],
        "smallest": study["smallest_test_accuracy"]["value"],
        "chosen": choice["test_accuracy"]["value"] if choice["verdict"] == "chosen" else None,
        "measured": study["counts"]["evaluated"],
        "front": study["counts"]["front"],
    }


def quickstart(build):
    return search(build, "examples/quickstart.json", "quickstart")


def quickstart_seconds(raw):
    if raw["largest"] < 0.95:
        return f"n/a: the largest member reaches {raw['largest']:.1%}"
    if raw["largest"] - raw["smallest"] < 0.05:
        return "n/a: the smallest member is less than 5 points below the largest"
    if raw["measured"] < 200 or raw["front"] < 8:
        return f"n/a: {raw['measured']} networks measured, {raw['front']} on the front"
    return raw["seconds"]


@functools.cache
def cifar10(build):
    """The search and its study. One of these sources serves all figures, those of training too."""
    commit = sources()
    name = f"cifar10-{(commit or 'uncommitted')[:12]}"
    folder = build / "main" / name
    found = folder / "figures.json"
    if commit is None or not found.exists():
        images, packed = ROOT / ".data/cifar10", ROOT.parent / "shared/data/cifar10"
        if not images.exists() and packed.exists():
            subprocess.run([sys.executable, packed / "unpack.py", images], check=True)
        if not images.exists():
            return {"reason": "there is no CIFAR-10 in .data/cifar10"}
        found.write_text(json.dumps(search(build, "examples/cifar10.json", name)))
    return {"study": folder, **json.loads(found.read_text())}


def cifar10_figures(build):
    return {name: value for name, value in cifar10(build).items() if name != "study"}


def too_long(raw):
    if "reason" in raw:
        return "n/a: " + raw["reason"]
    if raw["training_minutes"] is None or raw["training_minutes"] > 60:
        return f"n/a: {raw['training_minutes']} minutes of training"
    if raw["seconds"] > 90 * 60:
        return f"n/a: the whole command took {raw['seconds'] / 60:.0f} minutes"
    return None


def largest_accuracy(raw):
    return too_long(raw) or 100 * raw["largest"]


def chosen_gap(raw):
    if too_long(raw):
        return too_long(raw)
    if raw["largest"] < 0.85:
        return f"n/a: the largest member reaches {raw['largest']:.1%}"
    if raw["largest"] - raw["smallest"] < 0.05:
        return "n/a: the smallest member is less than 5 points below the largest"
    if raw["chosen"] is None:
        return "n/a: no network was chosen"
    return 100 * (raw["largest"] - raw["chosen"])


def onnx_agreement(build):
    quickstart(build)
    study, out = build / "main" / "quickstart", build / "main" / "members"
    subprocess.run([build / "export_members", study, out, str(MEMBERS), str(IMAGES)], check=True)
    folders = [str(out / str(i)) for i in range(MEMBERS)]
    judge = subprocess.run([sys.executable, ROOT / "tests/export/run_onnx.py", *folders],
                           capture_output=True, text=True)
    print(judge.stdout, end="")
    agree, members = judge.stdout.splitlines()[-1].split(" agree")[0].split(" of ")
    return {"agree": int(agree), "members": int(members), "images": IMAGES, "batches": [1, 7]}


def share(raw):
    return 100 * raw["agree"] / raw["members"]


FIGURES = [
    Figure("quickstart_s", "s", "<=", 120, quickstart, quickstart_seconds),
    Figure("onnx_agreement", "%", ">=", 100, onnx_agreement, share),
    Figure("cifar10_largest_acc", "%", ">=", 85, cifar10_figures, largest_accuracy),
    Figure("cifar10_chosen_gap", "points", "<=", 2.0, cifar10_figures, chosen_gap),
]
