#!/usr/bin/env python3
"""How long one gradient of an LSTM language model takes here and in PyTorch, paired and interleaved.

Usage: gradient_speed.py GRADIENT_BENCHMARK [--pairs N] [--threads N] [--tuned] [--require RATIO] [sizes]

GRADIENT_BENCHMARK is the program that `swift build -c release --product gradient-benchmark` makes. Both sides run as
persistent processes on the same parameters and tokens and take turns, so that whatever else the machine does meets both;
the ratio of every pair is taken and the median printed. The default sizes are those of the AWD-LSTM.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

TWINS = Path(__file__).resolve().parent.parent / "ObjectivesTests" / "Twins"


def pytorch_worker(configuration, steps, streams, threads):
    """The PyTorch side: nn.Embedding, nn.LSTM, tied decoder, cross_entropy, backward, zero_grad(set_to_none)."""
    sys.path.insert(0, str(TWINS))
    import numpy as np
    import torch
    from lstm_twin import LSTMTwin, dropout_masks, initial_point, uniforms

    torch.set_num_threads(threads)
    model = LSTMTwin(configuration, torch.float32)
    point = initial_point(configuration, 1, np.float32)
    model.load(point)
    shape = (steps, streams)
    inputs, targets = (
        (uniforms(1, purpose, 0, steps * streams) * configuration["vocabularySize"]).astype(np.int64).reshape(shape)
        for purpose in ("inputs", "targets")
    )
    masks = dropout_masks(configuration, 1, 0, steps, streams)
    print(f"PyTorch {torch.__version__}, {point.size} parameters", flush=True)
    while sys.stdin.readline() == "go\n":
        start = time.perf_counter()
        model.zero_grad(set_to_none=True)
        loss = model.loss(inputs, targets, masks)
        loss.backward()
        value = loss.item()
        print(time.perf_counter() - start, value, flush=True)


class Side:
    """One of the two processes."""

    def __init__(self, command, environment):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )
        self.title = self.line()

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args[0]} ended with status {self.process.wait()}")
        return line.strip()

    def gradient(self):
        # The other side's threads may still spin for a moment after their last loop.
        time.sleep(0.1)
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        seconds, loss = map(float, self.line().split())
        return seconds, loss

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("program")
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tuned", action="store_true", help="give PyTorch a tuned allocator too (GLIBC_TUNABLES)")
    parser.add_argument("--require", type=float, help="fail if the median ratio is above this")
    parser.add_argument("--vocabulary", type=int, default=10_000)
    parser.add_argument("--embedding", type=int, default=400)
    parser.add_argument("--hidden", type=int, default=1150)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--untied", action="store_true")
    parser.add_argument("--dropout", type=float, default=0)
    parser.add_argument("--steps", type=int, default=70)
    parser.add_argument("--streams", type=int, default=20)
    arguments = parser.parse_args()
    configuration = {
        "vocabularySize": arguments.vocabulary,
        "embeddingSize": arguments.embedding,
        "hiddenSize": arguments.hidden,
        "layerCount": arguments.layers,
        "tiedWeights": not arguments.untied,
        "dropout": arguments.dropout,
    }
    sizes = [json.dumps(configuration), str(arguments.steps), str(arguments.streams), str(arguments.threads)]
    tuning = {
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=2147483647"
    }
    here = Side([arguments.program, *sizes], {})
    pytorch = Side([sys.executable, __file__, "--worker", *sizes], tuning if arguments.tuned else {})
    print(f"here:    {here.title}\nPyTorch: {pytorch.title}{', tuned allocator' if arguments.tuned else ''}")

    losses = [side.gradient()[1] for side in (here, pytorch)]  # the first gradient of each warms up
    if abs(losses[0] - losses[1]) > 1e-5 * abs(losses[1]):
        sys.exit(f"the losses differ: {losses[0]} here, {losses[1]} in PyTorch")
    pairs = []
    for number in range(arguments.pairs):
        order = (here, pytorch) if number % 2 == 0 else (pytorch, here)
        seconds = {side: side.gradient()[0] for side in order}
        pairs.append((seconds[here], seconds[pytorch]))
    here.end()
    pytorch.end()

    for name, times in (("here", [pair[0] for pair in pairs]), ("PyTorch", [pair[1] for pair in pairs])):
        print(f"{name:8} median {statistics.median(times):.3f} s, fastest {min(times):.3f} s")
    ratios = sorted(ours / theirs for ours, theirs in pairs)
    quarter = len(ratios) // 4
    ratio = statistics.median(ratios)
    print(
        f"ratio here / PyTorch: median {ratio:.3f}, middle half {ratios[quarter]:.3f} to {ratios[-1 - quarter]:.3f},"
        f" {len(ratios)} pairs, {arguments.threads} threads"
    )
    if arguments.require is not None and ratio > arguments.require:
        sys.exit(f"the median ratio is above {arguments.require}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        configuration, steps, streams, threads = sys.argv[2:]
        pytorch_worker(json.loads(configuration), int(steps), int(streams), int(threads))
    else:
        main()
