"""Kills `smoothness train` or `smoothness estimate` with SIGKILL at random moments and reads what is left with plain h5py.

    kill.py train|estimate PROGRAM REFERENCE OUTPUT KILLS SEED -- first call's arguments -- continuing call's arguments

REFERENCE is the file of an undisturbed call. After every kill each row below a commit counter must equal the reference's to
the bit; when a call comes through, the whole file must; then the work starts anew, until KILLS kills have been dealt.
Prints one line of JSON: kills, completions, and how often the file was not there yet.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time

import h5py
import numpy as np


def rows(file, kind):
    """Yields (dataset path, number of rows that count)."""
    if kind == "train":
        snapshots = int(file["/commit"][()])
        # When every iteration is saved, row k needs the iterate of row k + 1 too.
        consecutive = "next_iterate" not in file["/trajectory"]
        for name in file["/trajectory"]:
            extra = 1 if consecutive and name == "iterate" and snapshots > 0 else 0
            yield f"/trajectory/{name}", snapshots + extra
        iterations = int(file["/history/commit"][()])
        for name, item in file["/history"].items():
            if isinstance(item, h5py.Dataset) and item.shape:
                yield f"/history/{name}", iterations
        evaluations = int(file["/history/evaluation/commit"][()])
        for name, item in file["/history/evaluation"].items():
            if isinstance(item, h5py.Dataset) and item.shape:
                yield f"/history/evaluation/{name}", evaluations
    else:
        committed = int(file["/commit"][()])
        for name, item in file["/estimates"].items():
            if isinstance(item, h5py.Dataset) and item.shape:
                yield f"/estimates/{name}", committed


def compare(path, reference, kind):
    """Rows that count in `path` against the reference; returns the number of rows below the main counter."""
    with h5py.File(path, "r") as file, h5py.File(reference, "r") as expected:
        for name, count in rows(file, kind):
            ours, theirs = file[name][:count], expected[name][:count]
            if ours.tobytes() != theirs.tobytes():
                bad = [row for row in range(count) if ours[row].tobytes() != theirs[row].tobytes()]
                raise SystemExit(f"{name}: rows {bad[:5]} below the counter differ from the undisturbed run")
        return int(file["/commit"][()])


def main():
    head, first, again = " ".join(sys.argv[1:]).split(" -- ")
    kind, program, reference, output, kills, seed = head.split()
    randomness = random.Random(int(seed))
    first, again = [program, *first.split()], [program, *again.split()]

    started = time.monotonic()
    subprocess.run(first, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    duration = time.monotonic() - started
    compare(output, reference, kind)
    os.remove(output)

    dealt = completions = absent = 0
    furthest = 0
    while dealt < int(kills):
        call = again if os.path.exists(output) else first
        process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(randomness.uniform(0, 0.6 * duration))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            dealt += 1
        message = process.communicate()[1].decode(errors="replace")
        if process.returncode not in (0, -signal.SIGKILL):
            raise SystemExit(f"{' '.join(call)} ended with {process.returncode}: {message[-2000:]}")
        if not os.path.exists(output):
            absent += 1
            continue
        committed = compare(output, reference, kind)
        if committed < furthest:
            raise SystemExit(f"the counter fell from {furthest} to {committed}")
        furthest = committed
        if process.returncode == 0:
            completions += 1
            with h5py.File(output, "r") as file:
                if file.attrs["state"] != "complete":
                    raise SystemExit(f"a call that came through left state {file.attrs['state']!r}")
            os.remove(output)
            furthest = 0
    print(json.dumps({"kills": dealt, "completions": completions, "absent": absent, "duration": duration}))


main()
