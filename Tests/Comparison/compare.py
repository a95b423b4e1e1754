"""Makes the numbers of some twenty small runs with a program, and compares those of two programs.

    compare.py numbers PROGRAM OUT.json [--only NAME]
    compare.py compare OLD NEW [--every-column]     each a result (.json), or a program whose numbers are made first
    compare.py list

`numbers` trains, estimates, fits, aligns and exports with the program and keeps what it gives, to the last bit. `compare` says of every column
whether it has the same bits, differs within a bound, or differs; tolerances.py lists what may differ, and why. Exit codes: 0 everything is the same
or within what is listed, 1 something else differs or a call failed, 2 usage.
"""

import argparse
import concurrent.futures
import fnmatch
import json
import math
import os
import sys
import time

from bench import Bench
from runs import RUNS
from tolerances import ANY, GONE, TOLERANCES

FORMAT = "smoothness-comparison-1"


def made(program, name):
    """The columns of one run, and what failed."""
    bench, begin = Bench(program), time.monotonic()
    try:
        RUNS[name](bench)
    finally:
        bench.close()
    count = sum(map(len, bench.columns.values()))
    lines = [f"{name}: {len(bench.columns)} columns, {count} values, {time.monotonic() - begin:.1f} s", *(f"  failed: {failure}" for failure in bench.failures)]
    print("\n".join(lines), file=sys.stderr)
    return {"columns": bench.columns, "failures": bench.failures}


def numbers(program, only, jobs):
    names = [name for name in RUNS if not only or name in only]
    with concurrent.futures.ThreadPoolExecutor(jobs) as executor:
        return dict(zip(names, executor.map(lambda name: made(program, name), names), strict=True))


def number(text):
    try:
        return float(text)
    except ValueError:
        return None


def difference(old, new):
    """How much two columns differ, relative to the largest finite value of either: 0 for the same bits, infinite where no number says it."""
    if len(old) != len(new):
        return math.inf
    largest, scale = 0.0, 0.0
    for first, second in zip(old, new, strict=True):
        a, b = number(first), number(second)
        if first != second and (a is None or b is None):
            return math.inf
        if a is None:
            continue
        scale = max([scale] + [abs(x) for x in (a, b) if math.isfinite(x)])
        if a == b and math.copysign(1, a) == math.copysign(1, b) or math.isnan(a) and math.isnan(b):
            continue
        if not (math.isfinite(a) and math.isfinite(b)):
            return math.inf
        largest = max(largest, abs(a - b), math.ulp(0.0))
    return largest / scale if largest > 0 and scale > 0 else math.inf if largest > 0 else 0.0


def allowance(run, column):
    """The widest bound that is listed for a column, with its reason."""
    found = [(bound, reason) for runs, columns, bound, reason in TOLERANCES if fnmatch.fnmatchcase(run, runs) and fnmatch.fnmatchcase(column, columns)]
    gone = next((reason for bound, reason in found if bound == GONE), None)
    return max((entry for entry in found if entry[0] != GONE), default=(0.0, "")), gone


def first_difference(old, new):
    if len(old) != len(new):
        return f"{len(old)} values, now {len(new)}"
    place = next(k for k, (a, b) in enumerate(zip(old, new, strict=True)) if a != b)
    return f"value {place}: {old[place]}, now {new[place]}"


def judged(run, column, old, new):
    """(verdict, text): the verdict is same, within, new, unlisted (arrays of a file under another name) or differs."""
    (bound, reason), gone = allowance(run, column)
    # A file may give its arrays other names; the tables and exports must have them all.
    is_array = ".file/" in column
    if old is None:
        return "new", "only in the new result"
    if new is None:
        if gone:
            return "within", f"gone: {gone}"
        return ("unlisted", "an array of the file that has gone or has another name") if is_array else ("differs", "missing from the new result")
    size = difference(old, new)
    if size == 0:
        return "same", "same bits"
    magnitude = "" if math.isinf(size) else f"within {10.0 ** math.ceil(math.log10(size)):.0e}"
    if gone or size <= bound:
        return "within", f"{magnitude or first_difference(old, new)} ({gone or reason})"
    if column.endswith(".sha256"):
        return "within", "judged by the values that are kept"
    return "differs", f"{magnitude or 'differs'}: {first_difference(old, new)}"


def compare(old, new, every):
    ends = {"same": 0, "within": 0, "new": 0, "unlisted": 0, "differs": 0}
    failed = False
    for run in sorted(old | new, key=list(old | new).index):
        if run not in new or run not in old:
            print(f"{run}: only in the {'old' if run in old else 'new'} result")
            failed |= run in old
            continue
        first, second = old[run]["columns"], new[run]["columns"]
        verdicts = {column: judged(run, column, first.get(column), second.get(column)) for column in first | second}
        counts = {end: sum(verdict == end for verdict, _ in verdicts.values()) for end in ends}
        for end, count in counts.items():
            ends[end] += count
        print(f"{run}: {len(verdicts)} columns: {counts['same']} same bits" + "".join(
            f", {counts[end]} {words}" for end, words in (
                ("within", "within what is listed"), ("new", "new"), ("unlisted", "under another name in the file"), ("differs", "DIFFER")) if counts[end]))
        for column, (verdict, text) in sorted(verdicts.items()):
            if every or verdict in ("differs", "within"):
                print(f"    {'!' if verdict == 'differs' else ' '} {column}: {text}")
        for failure in new[run]["failures"]:
            if failure not in old[run]["failures"]:
                print(f"    failed: {failure}")
    print(f"{sum(ends.values())} columns: " + ", ".join(f"{count} {end}" for end, count in ends.items()))
    return 1 if failed or ends["differs"] else 0


def read(path):
    """A result, or that of a program."""
    if not path.endswith(".json"):
        return {"is_whole": True, "runs": numbers(path, None, 2)}
    with open(path) as file:
        content = json.load(file)
    if content.get("format") != FORMAT:
        raise SystemExit(f"{path}: no result of `compare.py numbers` of this version: make it again")
    return content


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    make = actions.add_parser("numbers")
    make.add_argument("program")
    make.add_argument("output")
    make.add_argument("--only", action="append", choices=list(RUNS))
    make.add_argument("--jobs", type=int, default=2, help="runs that are made at the same time (default: 2)")
    judge = actions.add_parser("compare")
    judge.add_argument("old")
    judge.add_argument("new")
    judge.add_argument("--every-column", action="store_true")
    actions.add_parser("list")
    arguments = parser.parse_args()
    # Threads of the two runs that are made at the same time sleep while they wait for one another.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    if arguments.action == "list":
        print("\n".join(RUNS))
    elif arguments.action == "numbers":
        result = {"format": FORMAT, "is_whole": not arguments.only, "runs": numbers(arguments.program, arguments.only, arguments.jobs)}
        with open(arguments.output, "w") as file:
            json.dump(result, file)
    else:
        old, new = read(arguments.old), read(arguments.new)
        # Where only some runs were made anew, these are compared.
        runs = old["runs"] if new["is_whole"] else {name: run for name, run in old["runs"].items() if name in new["runs"]}
        raise SystemExit(compare(runs, new["runs"], arguments.every_column))


if __name__ == "__main__":
    main()
