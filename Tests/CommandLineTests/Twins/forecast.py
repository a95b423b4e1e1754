"""Holds what `estimate --dry-run` foretells against what the same estimate takes.

    forecast.py PROGRAM PAIRS RUN.h5 [options of estimate ...]

By turns a dry run and the estimate itself. Prints one JSON object: `memory`, the foretold memory over the largest resident memory that the
system counted of the estimate, and `seconds`, the same of the time from its start to its end; a list of PAIRS values each.
"""
import json
import os
import subprocess
import sys
import time

program, pairs, *arguments = sys.argv[1:]


def run(*options):
    """stdout, seconds and the largest resident memory in bytes."""
    start = time.monotonic()
    process = subprocess.Popen(
        [program, "estimate", *arguments, "--format", "json", *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{arguments}: status {status}")
    return json.loads(output), time.monotonic() - start, usage.ru_maxrss * 1024


found = {"memory": [], "seconds": []}
for _ in range(int(pairs)):
    plan = run("--dry-run", "--force")[0][0]
    _, seconds, memory = run("--force")
    found["memory"].append(plan["memory_bytes"] / memory)
    found["seconds"].append(plan["seconds"] / seconds)
print(json.dumps(found))
