"""What saving every fifth iterate costs: `smoothness train` of an LSTM of AWD size with and without, turn by turn.

    saving_cost.py PROGRAM [--pairs 3] [--iterations 20] [--threads 2] [--folder DIR] [--require 0.10]

Each side is one call on generated text; its time is the program's own `seconds` less the evaluation of held-out text, which both
sides do. The result is the median of the paired ratios less one, beside the time that the program says it spent writing.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("program")
arguments.add_argument("--pairs", type=int, default=3)
arguments.add_argument("--iterations", type=int, default=20)
arguments.add_argument("--threads", type=int, default=os.cpu_count())
arguments.add_argument("--folder", help="where the run files go (default: the temporary folder)")
arguments.add_argument("--require", type=float, help="exit 1 when the cost is larger")
options = arguments.parse_args()


def train(folder, save):
    output = os.path.join(folder, "run.h5")
    call = [
        options.program, "train", "--layers", "3", "--hidden", "1150", "--embedding", "400", "--vocabulary", "10000",
        "--batch-size", "20", "--sequence-length", "70", "--learning-rate", "1", "--iterations", str(options.iterations),
        "--threads", str(options.threads), "--save", save, "--format", "json", "--force", "--output", output,
    ]
    done = subprocess.run(call, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    size = os.path.getsize(output)
    os.remove(output)
    (row,) = json.loads(done.stdout)
    return row["seconds"] - row["evaluation_seconds"], row["writing_seconds"], size


with tempfile.TemporaryDirectory(dir=options.folder) as folder:
    train(folder, "every=1000000")  # warms the caches
    costs, shares = [], []
    for pair in range(options.pairs):
        plain, _, _ = train(folder, "every=1000000")
        saving, writing, size = train(folder, "every=5")
        costs.append(saving / plain - 1)
        shares.append(writing / (saving - writing))
        print(
            f"pair {pair + 1}: {plain:.2f} s without, {saving:.2f} s with ({size / 2**20:.0f} MiB), "
            f"of which writing {writing:.2f} s",
            flush=True)

cost, share = statistics.median(costs), statistics.median(shares)
print(f"saving every fifth iterate: {100 * cost:+.1f} % of training time (median pair); writing alone {100 * share:.1f} %")
if options.require is not None and share > options.require:
    raise SystemExit(1)
