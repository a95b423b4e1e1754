#!/usr/bin/env python3
"""How long one gradient of a language model or a residual network takes here and in PyTorch, paired and interleaved.

Usage: gradient_speed.py GRADIENT_BENCHMARK [--network lstm|gpt|resnet] [--pairs N] [--threads N] [--tuned] [--require RATIO] [sizes]

GRADIENT_BENCHMARK is the program that `swift build -c release` makes. Both sides run as
persistent processes on the same parameters and tokens and take turns, so that whatever else the machine does meets both;
the ratio of every pair is taken and the median printed. The default sizes are those of the AWD-LSTM, and for gpt 6 blocks
of width 384 with 6 heads over bytes, 8 streams of 256 tokens; for resnet ResNet-20 at batch 128.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TWINS = Path(__file__).resolve().parent.parent / "ModelsTests" / "Twins"


def pytorch_worker(network, configuration, steps, streams, threads):
    """The PyTorch side: nn.Embedding, nn.LSTM or attention blocks, tied decoder, cross_entropy, backward,
    zero_grad(set_to_none)."""
    sys.path.insert(0, str(TWINS))
    import numpy as np
    import torch
    import lstm_twin
    import transformer_twin

    torch.set_num_threads(threads)
    if network == "gpt":
        twin, model = transformer_twin, transformer_twin.TransformerTwin(configuration, torch.float32)
        vocabulary = configuration["vocabulary_size"]
    else:
        twin, model = lstm_twin, lstm_twin.LSTMTwin(configuration, torch.float32)
        vocabulary = configuration["vocabularySize"]
    point = twin.initial_point(configuration, 1, np.float32)
    model.load(point)
    shape = (steps, streams)
    inputs, targets = (
        (lstm_twin.uniforms(1, purpose, 0, steps * streams) * vocabulary).astype(np.int64).reshape(shape)
        for purpose in ("inputs", "targets")
    )
    masks = twin.dropout_masks(configuration, 1, 0, steps, streams)
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
    parser.add_argument("--network", choices=["lstm", "gpt", "resnet"], default="lstm")
    parser.add_argument("--family", default="cifar", help="resnet: cifar, cifar-resnet18 or imagenet")
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tuned", action="store_true", help="give PyTorch a tuned allocator too (GLIBC_TUNABLES)")
    parser.add_argument("--require", type=float, help="fail if the median ratio is above this")
    parser.add_argument("--vocabulary", type=int, help="default: 10000; 256 for gpt")
    parser.add_argument("--embedding", type=int, help="gpt: the width; default: 400; 384 for gpt")
    parser.add_argument("--hidden", type=int, default=1150, help="lstm")
    parser.add_argument("--layers", type=int, help="default: 3; 6 for gpt")
    parser.add_argument("--heads", type=int, default=6, help="gpt")
    parser.add_argument("--untied", action="store_true", help="lstm")
    parser.add_argument("--dropout", type=float, default=0)
    parser.add_argument("--steps", type=int, help="default: 70; 256 for gpt")
    parser.add_argument("--streams", type=int, help="default: 20; 8 for gpt")
    arguments = parser.parse_args()
    is_gpt = arguments.network == "gpt"
    steps = arguments.steps or (256 if is_gpt else 70)
    streams = arguments.streams or (8 if is_gpt else 20)
    if is_gpt:
        configuration = {
            "vocabulary_size": arguments.vocabulary or 256,
            "context_length": steps,
            "width": arguments.embedding or 384,
            "head_count": arguments.heads,
            "layer_count": arguments.layers or 6,
            "dropout": arguments.dropout,
        }
    else:
        configuration = {
            "vocabularySize": arguments.vocabulary or 10_000,
            "embeddingSize": arguments.embedding or 400,
            "hiddenSize": arguments.hidden,
            "layerCount": arguments.layers or 3,
            "tiedWeights": not arguments.untied,
            "dropout": arguments.dropout,
        }
    sizes = [arguments.network, json.dumps(configuration), str(steps), str(streams), str(arguments.threads)]
    tuning = {
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=2147483647"
    }
    commands = [arguments.program, *sizes], [sys.executable, __file__, "--worker", *sizes]
    folder = tempfile.TemporaryDirectory()
    if arguments.network == "resnet":
        threads = str(arguments.threads)
        network = [arguments.family, str(arguments.depth), str(arguments.batch), str(arguments.size)]
        worker = str(Path(__file__).resolve().parent / "resnet_worker.py")
        commands = (
            [arguments.program, "resnet", *network, threads, folder.name],
            [sys.executable, worker, folder.name, threads],
        )
    here = Side(commands[0], {})
    pytorch = Side(commands[1], tuning if arguments.tuned else {})
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
        network, configuration, steps, streams, threads = sys.argv[2:]
        pytorch_worker(network, json.loads(configuration), int(steps), int(streams), int(threads))
    else:
        main()
