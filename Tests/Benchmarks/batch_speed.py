"""What a batch costs over single estimates, and what a second worker brings.

    batch_speed.py PROGRAM [--rounds 3] [--runs 4] [--rows 10] [--require]

Runs of a quadratic with many rotations, every gradient on one thread. A round takes, one after the other: `smoothness estimate` run by run; a
batch (plan, run with one worker, merge without intervals); the same batch with two workers. The overhead is that of the batch with one worker
over the sum of the single estimates, the gain that of two workers over one in `batch run`; both are medians over the rounds.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time


def timed(*arguments, **options):
    start = time.monotonic()
    result = subprocess.run(arguments, capture_output=True, text=True, **options)
    if result.returncode:
        sys.exit(f"{arguments}: {result.stderr}")
    return time.monotonic() - start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--rows", type=int, default=10)
    parser.add_argument("--require", action="store_true", help="fail where a bar is missed")
    arguments = parser.parse_args()
    program = os.path.abspath(arguments.program)
    definition = ["--subset", "1", "--delta", "0.1"]
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/runs")
        spectrum = ",".join(f"{1 / index}" for index in range(1, 1001))
        runs = [f"{folder}/runs/run{index}.h5" for index in range(arguments.runs)]
        for seed, run in enumerate(runs):
            timed(program, "train", "--objective", "quadratic", "--spectrum", spectrum, "--rotations", "400", "--components", "100",
                  "--noise", "0.1", "--iterations", str(arguments.rows), "--save", "every=1", "--precision", "float64",
                  "--seed", str(seed), "--threads", "1", "-o", run)
        overheads, gains, sums = [], [], []
        for _ in range(arguments.rounds):
            alone = sum(timed(program, "estimate", run, *definition, "--threads", "1", "--force", "-o", f"{folder}/alone.h5") for run in runs)
            seconds = {}
            for jobs in (1, 2):
                plan = f"{folder}/plan"
                shutil.rmtree(plan, ignore_errors=True)
                planning = timed(program, "batch", "plan", f"{folder}/runs", "-o", plan, *definition, "--unit-minutes", "0.05", "--replicates", "0")
                working = timed(program, "batch", "run", plan, "--jobs", str(jobs), "--threads", "1")
                merging = timed(program, "batch", "merge", plan)
                seconds[jobs] = (planning, working, merging)
            overheads.append(sum(seconds[1]) / alone - 1)
            gains.append(seconds[1][1] / seconds[2][1])
            sums.append(alone)
    result = {
        "estimates_seconds": round(statistics.median(sums), 2),
        "overhead": round(statistics.median(overheads), 4),
        "gain_of_two_workers": round(statistics.median(gains), 3),
        "overheads": [round(value, 4) for value in overheads],
        "gains": [round(value, 3) for value in gains],
    }
    print(json.dumps(result, indent=1))
    if arguments.require:
        assert result["overhead"] < 0.03, "the batch costs too much"
        assert result["gain_of_two_workers"] >= 1.8, "the second worker brings too little"


if __name__ == "__main__":
    main()
