#!/usr/bin/env python3
"""How long `smoothness estimate` takes from its start to its end, and a PyTorch script that does the same.

    estimate_speed.py PROGRAM [--network lstm|resnet|mlp|rectifiers] [--pairs N] [--threads N] [--iterations N] [--tuned] [--merge]
        [--require RATIO]

Trains a short run of a language model of AWD size, of ResNet-20 at batch 128 or of a small perceptron, then lets
`smoothness estimate` and Tests/Benchmarks/estimate_in_pytorch.py measure it by turns: same file, components, γ and threads.
Prints for every pair whole commands and, in brackets, the time after each has read its data; the medians of the paired ratios
(PyTorch / here); and the largest relative difference of gradient norms and smoothness, which must be at most 1e-4: it fails above. Where it
is larger, both measure once more in double precision before that, which tells rounding from a mistake.
The two floors that only `smoothness` measures stay in its time, apart from evaluations in double precision (--rounding-probes 0).
"""
import argparse
import csv
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

TUNING = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=2147483647"}

# What is trained, and what of it is measured.
NETWORKS = {
    "lstm": {
        "train": [
            "--objective", "lstm", "--layers", "3", "--hidden", "1150", "--embedding", "400", "--vocabulary", "10000",
            "--sequence-length", "70", "--learning-rate", "10", "--clip-norm", "0.25", "--iterations", "8", "--save", "every=1",
        ],
        "components": "3,9,15,21", "gammas": "0.25,0.5,0.75,1",
    },
    "resnet": {
        "train": [
            "--objective", "resnet", "--architecture", "cifar-20", "--batch-size", "128", "--learning-rate", "0.1", "--iterations",
            "4", "--save", "every=1",
        ],
        "components": "0,3,4,7,8,11", "gammas": "0.25,0.5,0.75,1",
    },
    "mlp": {
        "train": [
            "--objective", "mlp", "--hidden-sizes", "32,32", "--activation-function", "tanh", "--batch-size", "32",
            "--learning-rate", "0.1", "--iterations", "100", "--save", "every=1",
        ],
        "components": ",".join(map(str, range(1, 50, 2))), "gammas": "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1",
    },
}
# Rectifiers: two ways of adding up in Float put some argument on different sides of zero, where the gradient jumps.
NETWORKS["rectifiers"] = {
    **NETWORKS["mlp"], "train": [option.replace("tanh", "relu") for option in NETWORKS["mlp"]["train"]],
}


def write_text(path):
    """42,000 words, each of 9,998 at least once, the others by Zipf's law."""
    generator = np.random.default_rng(0)
    shares = 1 / np.arange(1, 9999)
    words = np.concatenate([np.arange(9998), generator.choice(9998, 32_000, p=shares / shares.sum())])
    generator.shuffle(words[:40_000])
    with open(path, "w") as file:
        for start in range(0, len(words), 20):
            file.write(" ".join(f"w{word}" for word in words[start : start + 20]) + "\n")


def write_images(path, count):
    """A batch of CIFAR-10: classes that differ in brightness and in a pattern, under noise."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, count)
    patterns = generator.integers(0, 128, (10, 3072))
    pixels = patterns[labels] + generator.integers(0, 128, (count, 3072))
    np.concatenate([labels[:, None], pixels], axis=1).astype(np.uint8).tofile(path)


def write_digits(folder, count):
    """Images of 8 × 8 in MNIST's format."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, count)
    pixels = generator.integers(0, 128, (10, 8, 8))[labels] + generator.integers(0, 128, (count, 8, 8))
    for name, values in (("train-images-idx3-ubyte", pixels), ("train-labels-idx1-ubyte", labels)):
        header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
        (folder / name).write_bytes(header + values.astype(np.uint8).tobytes())


def train(program, network, folder, threads, iterations):
    data = folder / {"lstm": "text.txt", "resnet": "data_batch_1.bin"}.get(network, "digits")
    if network == "lstm":
        write_text(data)
    elif network == "resnet":
        write_images(data, 2000)
    else:
        data.mkdir()
        write_digits(data, 2000)
    run = folder / "run.h5"
    options = list(NETWORKS[network]["train"])
    if iterations is not None:
        options[options.index("--iterations") + 1] = str(iterations)
    command = [program, "train", *options, "--data", data, "--output", run, "--threads", str(threads)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return run


class Measurement:
    """One command: its seconds from the start and from its word that it begins to measure, and its table."""

    def __init__(self, command, marker, environment):
        time.sleep(0.5)  # the other side's threads and file system come to rest
        start = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment})
        lines, begun = [], None
        for line in process.stderr:
            lines.append(line)
            if begun is None and line.startswith(marker):
                begun = time.perf_counter()
        table = process.stdout.read()
        if process.wait() != 0 or begun is None:
            sys.exit(f"{command[0]} ended with status {process.returncode}:\n{''.join(lines)}")
        end = time.perf_counter()
        self.whole, self.work = end - start, end - begun
        self.rows = [
            [float(row[name]) for name in ("iteration", "gradient_norm", "smoothness")]
            for row in csv.DictReader(io.StringIO(table))
        ]


def largest_differences(ours, theirs):
    """Relative, over all rows: of the gradient norm and of the smoothness."""
    ours, theirs = np.array(ours), np.array(theirs)
    if ours.shape != theirs.shape or not (ours[:, 0] == theirs[:, 0]).all():
        sys.exit("the rows are not the same iterations")
    return np.abs(ours[:, 1:] / theirs[:, 1:] - 1).max(axis=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("program")
    parser.add_argument("--network", choices=NETWORKS, default="lstm")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--iterations", type=int, help="of the run that is trained: as many rows are measured")
    parser.add_argument("--groups", type=int, default=16, help="groups of components, from which the errors come; 1: no errors")
    parser.add_argument("--tuned", action="store_true", help="give PyTorch a tuned allocator too (GLIBC_TUNABLES)")
    parser.add_argument("--merge", action="store_true", help="mlp: PyTorch evaluates the whole subset as one batch")
    parser.add_argument("--require", type=float, help="fail if the median ratio of whole commands is below this")
    parser.add_argument("--run", type=Path, help="an earlier run of the same network, instead of training")
    parser.add_argument("--folder", type=Path, help="where the run file goes (default: the temporary folder)")
    arguments = parser.parse_args()
    network = NETWORKS[arguments.network]
    subset = ["--components", network["components"], "--gammas", network["gammas"], "--threads", str(arguments.threads)]
    pairs = []
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        run = arguments.run or train(
            arguments.program, arguments.network, folder, arguments.threads, arguments.iterations)
        here = [
            arguments.program, "estimate", run, *subset, "--groups", str(arguments.groups), "--rounding-probes", "0", "--force",
            "--format", "csv", "--output", folder / "estimates.h5",
        ]
        script = str(Path(__file__).resolve().parent / "estimate_in_pytorch.py")
        pytorch = [sys.executable, script, str(run), *subset] + ["--merge"] * arguments.merge
        sides = [(here, "estimating", {}), (pytorch, "ready", TUNING if arguments.tuned else {})]
        for number in range(arguments.pairs):
            order = (0, 1) if number % 2 == 0 else (1, 0)
            measured = {side: Measurement(*sides[side]) for side in order}
            pairs.append((measured[0], measured[1]))
            print(
                f"pair {number + 1}: here {measured[0].whole:.2f} s ({measured[0].work:.2f}),"
                f" PyTorch {measured[1].whole:.2f} s ({measured[1].work:.2f})", flush=True)
        exact = None
        if not (largest_differences(pairs[0][0].rows, pairs[0][1].rows) <= 1e-4).all():
            here, pytorch = here + ["--precision", "float64"], pytorch + ["--double"]
            exact = largest_differences(Measurement(here, "estimating", {}).rows, Measurement(pytorch, "ready", {}).rows)

    ours, theirs = np.array(pairs[0][0].rows), np.array(pairs[0][1].rows)
    differences = largest_differences(ours, theirs)
    print(f"{'iteration':>9} {'gradient norm':>15} {'PyTorch':>15} {'smoothness':>15} {'PyTorch':>15}")
    for mine, other in list(zip(ours, theirs))[:5]:
        print(f"{mine[0]:9.0f} {mine[1]:15.7g} {other[1]:15.7g} {mine[2]:15.7g} {other[2]:15.7g}")
    print(f"largest relative difference of {len(ours)} rows: gradient norm {differences[0]:.1e}, smoothness {differences[1]:.1e}")
    whole = statistics.median(other.whole / mine.whole for mine, other in pairs)
    work = statistics.median(other.work / mine.work for mine, other in pairs)
    print(
        f"{arguments.network}: PyTorch / here: whole commands {whole:.2f}, without start-up {work:.2f} (median of"
        f" {len(pairs)} pairs, {arguments.threads} threads{', tuned allocator' if arguments.tuned else ''})")
    if exact is not None:
        print(f"in double precision: gradient norm {exact[0]:.1e}, smoothness {exact[1]:.1e}")
        sys.exit("the numbers differ by more than 1e-4")
    if arguments.require is not None and whole < arguments.require:
        sys.exit(f"the median ratio is below {arguments.require}")


if __name__ == "__main__":
    main()
