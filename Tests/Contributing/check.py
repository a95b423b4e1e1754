"""Holds the diffs of docs/contributing.md against the package.

    check.py applies           each diff of this folder applies to the tree as it is (`git apply --check`)
    check.py builds FOLDER     applies all of them to a copy of the tree in FOLDER, builds the program there and tries each of them

Prints a line for each diff; the exit code is 1 where one does not apply, and the compiler's where they do not build.
"""

import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
# What the program must say once a diff is in it: arguments, and a pattern in what it prints.
TRIES = {
    "add-objective": (["train", "--help"], "log-cosh"),
    "add-norm": (["estimate", "--help"], None),
    "add-direction": (["estimate", "--help"], None),
    "add-law": (["fit", "--help"], None),
    "add-column": (["estimate", "--help"], None),
}


def diffs():
    return sorted(name for name in os.listdir(HERE) if name.endswith(".diff"))


def added(diff):
    """(files that are touched, lines that are added to files that are there)."""
    text = open(os.path.join(HERE, diff), encoding="utf-8").read()
    files = re.split(r"^diff --git ", text, flags=re.MULTILINE)[1:]
    lines = sum(len(re.findall(r"^\+(?!\+\+)", file, re.MULTILINE)) for file in files if "new file mode" not in file)
    return len(files), lines


def apply(diff, folder, *options):
    return subprocess.run(["git", "apply", *options, os.path.join(HERE, diff)], cwd=folder, capture_output=True, text=True)


def applies():
    wrong = False
    for diff in diffs():
        outcome = apply(diff, ROOT, "--check")
        files, lines = added(diff)
        print(f"{diff}: {files} files, {lines} lines in files that are there: {'applies' if outcome.returncode == 0 else outcome.stderr.strip()}")
        wrong |= outcome.returncode != 0
    return 1 if wrong or not diffs() else 0


def builds(folder):
    os.makedirs(folder)
    for name in ("Package.swift", "Package.resolved", "Sources", "Tests"):
        source = os.path.join(ROOT, name)
        if os.path.isdir(source):
            shutil.copytree(source, os.path.join(folder, name))
        elif os.path.exists(source):
            shutil.copy(source, folder)
    for diff in diffs():
        outcome = apply(diff, folder)
        if outcome.returncode != 0:
            print(f"{diff}: {outcome.stderr}")
            return 1
    built = subprocess.run(["swift", "build", "--product", "smoothness"], cwd=folder)
    if built.returncode != 0:
        return built.returncode
    for diff in diffs():
        arguments, pattern = TRIES[diff.removesuffix(".diff")]
        said = subprocess.run([os.path.join(folder, ".build/debug/smoothness"), *arguments], capture_output=True, text=True)
        if said.returncode != 0 or pattern and pattern not in said.stdout:
            print(f"{diff}: {' '.join(arguments)} does not say {pattern}: {said.stdout}{said.stderr}")
            return 1
        print(f"{diff}: builds")
    return 0


if __name__ == "__main__":
    if sys.argv[1:] == ["applies"]:
        raise SystemExit(applies())
    if len(sys.argv) == 3 and sys.argv[1] == "builds":
        raise SystemExit(builds(os.path.abspath(sys.argv[2])))
    raise SystemExit(__doc__)
