"""A plan of 100,000 units, and a simulated cluster of 1,000 workers on one file server.

    batch_scale.py PROGRAM [--units 100000] [--workers 1000] [--require]

First the real program: one run file is trained and copied under new run ids, and the plan is made, once with nothing done and once with a file for
every unit; the time of `plan`, of `status`, and of a worker that finds its shard done are measured. strace, where it is installed, counts
the calls on files that a worker makes for a unit.

Then the model: every worker reads the manifest when it starts, takes its units one after the other, and makes those calls around each. The file
server answers calls one after the other, OPERATIONS a second, and sends BYTES a second; a unit computes for a lognormal time of mean UNIT
seconds. All workers begin in the same second, as the tasks of an array do. What is printed: the share of the workers' time that is lost to waiting for the
server, how busy it is, and the longest wait.
"""

import argparse
import heapq
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import h5py

OPERATIONS = 5000
BYTES = 500e6
UNIT = 300.0


def timed(arguments, **options):
    """Seconds on the clock, standard output."""
    start = time.monotonic()
    result = subprocess.run(arguments, capture_output=True, text=True, **options)
    seconds = time.monotonic() - start
    if result.returncode:
        sys.exit(f"{arguments}: {result.stderr}")
    return seconds, result.stdout


def processor_seconds():
    """Of all programs that were started so far: what the clock would say on a machine with nothing else on it."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def make_runs(program, folder, units):
    """1,000 runs (or fewer) whose rows are all units of their own."""
    runs = min(1000, max(1, units // 100))
    rows = units // runs
    os.makedirs(f"{folder}/runs")
    first = f"{folder}/runs/run0.h5"
    timed([program, "train", "--objective", "quadratic", "--iterations", str(rows), "--save", "every=1", "--threads", "1", "-o", first])
    for index in range(1, runs):
        path = f"{folder}/runs/run{index}.h5"
        shutil.copyfile(first, path)
        with h5py.File(path, "r+") as file:
            file.attrs["run_id"] = f"00000000-0000-4000-8000-{index:012d}"
    return runs * rows


def fill(plan):
    """A file for every unit; status looks at names."""
    names = []
    with open(f"{plan}/manifest.jsonl") as manifest:
        for line in manifest:
            digits = json.loads(line)["units"]
            names += [digits[start : start + 32] for start in range(0, len(digits), 32)]
    for name in names:
        open(f"{plan}/units/{name[:2]}/{name}.rows", "w").close()
    return names


def empty(plan):
    for shelf in os.scandir(f"{plan}/units"):
        for entry in os.scandir(shelf.path):
            os.unlink(entry.path)


def count_calls(program, plan, folder, units):
    """Calls on files below the plan for a unit, and those of a start, by the difference of two shards."""
    if shutil.which("strace") is None:
        return None
    counts = []
    for shard in (f"1/{units // 4}", f"2/{units // 24}"):
        trace = f"{folder}/trace"
        _, _ = timed(["strace", "-f", "-y", "-s", "300", "-o", trace, "-e", "trace=file,desc", program, "batch", "run", plan, "--jobs", "1", "--shard", shard])
        with open(trace, errors="replace") as file:
            counts.append(sum(1 for line in file if plan in line and "ENOTTY" not in line))
        os.unlink(trace)
    few, many = 4, 24
    each = (counts[1] - counts[0]) / (many - few)
    return {"calls_per_unit": each, "calls_per_start": counts[0] - few * each}


def simulate(workers, units, manifest_bytes, calls_per_start, calls_per_unit, unit_bytes, seed=1):
    """One queue for calls and one for bytes; events in order of time."""
    draw = random.Random(seed)
    sigma = 0.5
    mu = __import__("math").log(UNIT) - sigma * sigma / 2
    server = link = 0.0
    busy = waited = longest = computed = 0.0
    each = units // workers
    events = [(draw.random(), worker, -1) for worker in range(workers)]
    heapq.heapify(events)
    end = 0.0
    while events:
        now, worker, done = heapq.heappop(events)
        calls, data = (calls_per_start, manifest_bytes) if done < 0 else (calls_per_unit, unit_bytes)
        # A sign of life every 20 seconds: five calls.
        seconds = draw.lognormvariate(mu, sigma) if done < each else 0
        calls += 5 * seconds / 20
        server = max(now, server) + calls / OPERATIONS
        link = max(now, link) + data / BYTES
        finished = max(server, link)
        busy += calls / OPERATIONS
        waited += finished - now
        longest = max(longest, finished - now)
        computed += seconds
        end = max(end, finished)
        if done < each:
            heapq.heappush(events, (finished + seconds, worker, done + 1))
    return {
        "hours": end / 3600,
        "lost_share": waited / (waited + computed),
        "server_busy": busy / end,
        "longest_wait_seconds": longest,
        "all_started_seconds": max(calls_per_start * workers / OPERATIONS, manifest_bytes * workers / BYTES),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--units", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--require", action="store_true", help="fail where a bar is missed")
    arguments = parser.parse_args()
    program = os.path.abspath(arguments.program)
    with tempfile.TemporaryDirectory() as folder:
        units = make_runs(program, folder, arguments.units)
        plan = f"{folder}/plan"
        making = [program, "batch", "plan", f"{folder}/runs", "-o", plan, "--unit-rows", "1", "--delta", "0.5", "--subset", "1"]
        before = processor_seconds()
        planning, _ = timed(making)
        planning_processor = processor_seconds() - before
        renewing, _ = timed(making)
        waiting, text = timed([program, "batch", "status", plan, "--format", "json"])
        calls = count_calls(program, plan, folder, units)
        names = fill(plan)
        before = processor_seconds()
        status, text = timed([program, "batch", "status", plan, "--format", "json"])
        status_processor = processor_seconds() - before
        assert re.search(r'"done": ?%d\b' % len(names), text), text
        manifest = os.path.getsize(f"{plan}/manifest.jsonl")
        largest = max(len(os.listdir(f"{plan}/units/{shelf}")) for shelf in os.listdir(f"{plan}/units"))
        empty(plan)
        result = {
            "units": units,
            "distinct_names": len(set(names)),
            "plan_seconds": round(planning, 2),
            "plan_processor_seconds": round(planning_processor, 2),
            "renewed_plan_seconds": round(renewing, 2),
            "status_nothing_done_seconds": round(waiting, 2),
            "status_all_done_seconds": round(status, 2),
            "status_all_done_processor_seconds": round(status_processor, 2),
            "manifest_megabytes": round(manifest / 1e6, 2),
            "largest_folder": largest,
        }
        if calls:
            result.update({name: round(value, 1) for name, value in calls.items()})
    print(json.dumps(result, indent=1))
    calls = calls or {"calls_per_unit": 60, "calls_per_start": 900}
    # The call and the worker that it starts both read the manifest.
    model = simulate(arguments.workers, units, 2 * manifest, calls["calls_per_start"], calls["calls_per_unit"], 200e3)
    print(json.dumps({name: round(value, 4) for name, value in model.items()}, indent=1))
    if arguments.require:
        assert result["distinct_names"] == units
        assert planning < 10 and renewing < 10, "the plan takes too long"
        assert status < 2 and waiting < 2, "status takes too long"
        assert model["lost_share"] < 0.01 and model["server_busy"] < 0.25, "the file server limits the cluster"


if __name__ == "__main__":
    main()
