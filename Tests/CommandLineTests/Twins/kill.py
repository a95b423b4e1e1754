"""Kills `smoothness train`, `estimate` or `align` with SIGKILL at random moments and reads what is left with plain h5py.

    kill.py train|estimate|align|train-estimate PROGRAM REFERENCE OUTPUT KILLS SEED -- first call's arguments -- continuing call's arguments

REFERENCE is the file of an undisturbed call. After every kill each row below a commit counter must equal the reference's to
the bit, no counter may have fallen, and the point from which a run will go on must lie on the reference's path; when a call
comes through, all rows must be there and equal. With train-estimate (`train --estimate`) all that is asked of both files, and the
estimates must hold the rows of all iterations before the point from which the run will go on. Then the work starts anew, until KILLS kills have been dealt. The last call
is left in peace, so that the file at OUTPUT is whole at the end.
Prints one line of JSON: kills; how many found the work half done (some rows committed and some not); calls that came through;
kills before the file was there; seconds of an undisturbed call and of everything.
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


def datasets(group):
    """All datasets of a group and of the groups in it that have a row axis."""
    found = []
    group.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) and item.shape else None)
    return found


def rows(file, kind):
    """Yields (dataset path, number of rows that count)."""
    if kind in ("estimate", "align"):
        committed = int(file["/commit"][()])
        group = "/estimates" if kind == "estimate" else "/alignment"
        for name in datasets(file[group]):
            yield f"{group}/{name}", committed
        # Rows depend on it: it is there as soon as the first of them is.
        if kind == "estimate":
            yield "/repeatability", min(committed, 1)
        return
    snapshots = int(file["/commit"][()])
    # When every iteration is saved, row k needs the iterate of row k + 1 too.
    consecutive = "next_iterate" not in file["/trajectory"]
    for name in datasets(file["/trajectory"]):
        extra = 1 if consecutive and name == "iterate" and snapshots > 0 else 0
        yield f"/trajectory/{name}", snapshots + extra
    for group in ("/history", "/history/evaluation"):
        count = int(file[f"{group}/commit"][()])
        for name, item in file[group].items():
            if isinstance(item, h5py.Dataset) and item.shape:
                yield f"{group}/{name}", count


def check_resume_point(file, expected):
    """The last whole resume point: where the reference saved that iterate too, it is the same to the bit."""
    count = int(file["/resume/commit"][()])
    if count == 0:
        return
    slot = (count - 1) % 2
    iteration = int(file["/resume/iteration"][slot])
    if iteration > int(file["/history/commit"][()]):
        raise SystemExit(f"/resume: goes on at iteration {iteration}, which the committed history does not reach")
    evaluations = int(file["/resume/evaluation_count"][slot])
    if evaluations > int(file["/history/evaluation/commit"][()]):
        raise SystemExit(f"/resume: counts {evaluations} evaluations, which are not committed")
    trajectory = expected["/trajectory"]
    saved = trajectory["iteration"][:].tolist()
    if iteration in saved:
        iterate = trajectory["iterate"][saved.index(iteration)]
    elif iteration - 1 in saved:
        row = saved.index(iteration - 1)
        iterate = trajectory["next_iterate"][row] if "next_iterate" in trajectory else trajectory["iterate"][row + 1]
    else:
        return
    if file["/resume/iterate"][slot].tobytes() != iterate.tobytes():
        raise SystemExit(f"/resume/iterate: slot {slot} is not x_{iteration} of the undisturbed run")
    if not np.isfinite(file["/resume/momentum"][slot]).all():
        raise SystemExit(f"/resume/momentum: slot {slot} holds what is not finite")


def counters(file, kind):
    names = ["/commit"] if kind in ("estimate", "align") else ["/commit", "/history/commit", "/history/evaluation/commit"]
    return [int(file[name][()]) for name in names]


def compare(path, reference, kind):
    """Rows that count in `path` against the reference; returns the counters and those of the reference."""
    with h5py.File(path, "r") as file, h5py.File(reference, "r") as expected:
        for name, count in rows(file, kind):
            ours, theirs = file[name][:count], expected[name][:count]
            if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
                raise SystemExit(f"{name}: {ours.dtype} {ours.shape}, in the undisturbed file {theirs.dtype} {theirs.shape}")
            if ours.tobytes() != theirs.tobytes():
                bad = [row for row in range(count) if ours[row].tobytes() != theirs[row].tobytes()]
                raise SystemExit(f"{name}: rows {bad[:5]} below the counter differ from the undisturbed file")
        if kind == "train":
            check_resume_point(file, expected)
        return counters(file, kind), counters(expected, kind)


def estimates_of(path):
    return path.removesuffix(".h5") + ".estimates.h5"


def check_no_hole(path):
    """Of train-estimate: rows of iterations that will not be done again must be there."""
    with h5py.File(path, "r") as run:
        points = int(run["/resume/commit"][()])
        goes_on = int(run["/resume/iteration"][(points - 1) % 2]) if points else 0
    if not os.path.exists(estimates_of(path)):
        if goes_on > 0:
            raise SystemExit(f"the run will go on at iteration {goes_on}, and there are no estimates")
        return
    with h5py.File(estimates_of(path), "r") as file:
        committed = int(file["/commit"][()])
        due = int((file["/live/iteration"][:] < goes_on).sum())
    if committed < due:
        raise SystemExit(f"the run will go on at iteration {goes_on}, and of the {due} rows before there are {committed}")


def compare_all(path, reference, kind):
    """`compare` of every file that the command makes: counters, and those of the reference."""
    if kind != "train-estimate":
        return compare(path, reference, kind)
    check_no_hole(path)
    found, whole = compare(path, reference, "train")
    if os.path.exists(estimates_of(path)):
        ours, theirs = compare(estimates_of(path), estimates_of(reference), "estimate")
    else:
        with h5py.File(estimates_of(reference), "r") as file:
            ours, theirs = [0], counters(file, "estimate")
    return found + ours, whole + theirs


def remove(path, kind):
    if kind == "train-estimate":
        os.remove(estimates_of(path))
    os.remove(path)


def check_complete(path, found, whole):
    with h5py.File(path, "r") as file:
        state = file.attrs["state"]
    if state != "complete" or found != whole:
        raise SystemExit(f"a call that came through left state {state!r} and counters {found} of {whole}")


def moment(randomness, startup, duration):
    """When to kill, in seconds after the start: a quarter of the kills while the process starts, finds its files and makes
    what is missing, which takes an undisturbed call `startup`, the others while it works."""
    if randomness.random() < 0.25:
        return randomness.uniform(0, 1.2 * startup)
    return startup + randomness.uniform(0, 0.3 * max(duration - startup, 0))


def main():
    head, first, again = " ".join(sys.argv[1:]).split(" -- ")
    kind, program, reference, output, kills, seed = head.split()
    randomness = random.Random(int(seed))
    first, again = [program, *first.split()], [program, *again.split()]
    began = time.monotonic()

    process = subprocess.Popen(first, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not os.path.exists(output):
        time.sleep(0.002)
    startup = time.monotonic() - began
    if process.wait() != 0:
        raise SystemExit(f"{' '.join(first)} ended with {process.returncode}")
    duration = time.monotonic() - began
    check_complete(output, *compare_all(output, reference, kind))
    remove(output, kind)

    dealt = completions = absent = halfway = 0
    furthest = None
    while True:
        call = again if os.path.exists(output) else first
        process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if dealt < int(kills):
            time.sleep(moment(randomness, startup, duration))
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                dealt += 1
        message = process.communicate()[1].decode(errors="replace")
        if process.returncode not in (0, -signal.SIGKILL):
            raise SystemExit(f"{' '.join(call)} ended with {process.returncode}: {message[-2000:]}")
        if not os.path.exists(output):
            absent += 1
            continue
        found, whole = compare_all(output, reference, kind)
        if furthest and any(now < before for now, before in zip(found, furthest)):
            raise SystemExit(f"the counters fell from {furthest} to {found}")
        furthest = found
        halfway += any(found) and found != whole
        if process.returncode == 0:
            completions += 1
            check_complete(output, found, whole)
            if kind == "train-estimate":
                check_complete(estimates_of(output), found, whole)
            if dealt >= int(kills):
                break
            remove(output, kind)
            furthest = None
    print(json.dumps({
        "kind": kind, "kills": dealt, "halfway": halfway, "completions": completions, "absent": absent,
        "seconds_undisturbed": round(duration, 2), "seconds": round(time.monotonic() - began, 1)}))


main()
