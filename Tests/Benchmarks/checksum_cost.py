"""What checksums of rows cost: `smoothness train` of a perceptron of some million parameters that saves every iterate, with and without, turn by turn.

    checksum_cost.py PROGRAM [--every 1] [--pairs 7] [--iterations 60] [--hidden 1500] [--batch-size 100] [--threads 2] [--folder DIR] [--require 0.02]

The time of a side is the program's own `seconds`, less the evaluation of held-out data. The result is the median of the paired ratios less one.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("program")
arguments.add_argument("--pairs", type=int, default=7)
arguments.add_argument("--iterations", type=int, default=60)
arguments.add_argument("--every", type=int, default=1, help="every so many iterates are saved")
arguments.add_argument("--hidden", type=int, default=1500)
arguments.add_argument("--batch-size", type=int, default=100)
arguments.add_argument("--threads", type=int, default=os.cpu_count())
arguments.add_argument("--folder", help="where the run files go (default: the temporary folder)")
arguments.add_argument("--require", type=float, help="exit 1 when the cost is larger")
options = arguments.parse_args()


def train(folder, *more):
    output = os.path.join(folder, "run.h5")
    call = [
        options.program, "train", "--objective", "mlp", "--images", "2000", "--image-size", "28", "--batch-size", str(options.batch_size),
        "--hidden-sizes", f"{options.hidden},{options.hidden}", "--learning-rate", "0.01", "--iterations", str(options.iterations), "--save", f"every={options.every}",
        "--held-out", "none", "--threads", str(options.threads), "--format", "json", "--force", "--output", output, *more,
    ]
    done = subprocess.run(call, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    size = os.path.getsize(output)
    os.remove(output)
    (row,) = json.loads(done.stdout)
    return row["seconds"] - (row["evaluation_seconds"] or 0), row["writing_seconds"], size


with tempfile.TemporaryDirectory(dir=options.folder) as folder:
    train(folder)  # warms the caches
    costs = []
    for pair in range(options.pairs):
        # Each side is first in turn.
        sides = [("--no-checksums",), ("--checksums",)]
        found = {side: train(folder, *side) for side in (sides if pair % 2 == 0 else sides[::-1])}
        (plain, writing, size), (checked, longer, _) = (found[side] for side in sides)
        costs.append(checked / plain - 1)
        print(
            f"pair {pair + 1}: {plain:.3f} s without, of which writing {writing:.3f} s ({size / 2**20:.0f} MiB); {checked:.3f} s with, of which "
            f"writing {longer:.3f} s", flush=True)

cost = statistics.median(costs)
print(f"checksums of every row: {100 * cost:+.2f} % of the time of a run that saves every {options.every}. iterate (median of {options.pairs} pairs)")
if options.require is not None and cost > options.require:
    raise SystemExit(1)
