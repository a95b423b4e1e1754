#!/usr/bin/env python3
"""Eq. 20 of Zhang et al. 2020 along a run, in PyTorch: what `estimate_speed.py` holds `smoothness estimate` against.

    estimate_in_pytorch.py RUN.h5 --components 0,3,5 --gammas 0.25,0.5,0.75,1 [--threads N] [--merge] [--double]

Reads the run with h5py, builds model and data from what the file says, and prints iteration, gradient norm and local
smoothness as CSV. Written as a good user would: nn.LSTM, nn.Conv2d, nn.BatchNorm2d, nn.Linear and cross_entropy; gradients add up
in `.grad`; all batches are made once; buffers of the parameters are reused; `torch._foreach` operations instead of loops over the
parameters; where every iterate was saved, the gradient at the end of a step serves as the one at the beginning of the next.
`--merge` evaluates the whole subset as one batch, which gives the same number for networks without batch normalisation.
"""
import argparse
import json
import sys
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as functional

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "ModelsTests" / "Twins"))


class LanguageModel(nn.Module):
    """An LSTM as of AWD-LSTM: the last layer is as wide as the embedding, whose weight is the decoder's too. The parameters
    come in the order of the run file."""

    def __init__(self, network):
        super().__init__()
        assert network["tied_weights"] and network["dropout"] == 0 and "regularization" not in network
        width, hidden, layers = network["embedding_size"], network["hidden_size"], network["layer_count"]
        self.encoder = nn.Embedding(network["vocabulary_size"], width)
        sizes = [width] + [hidden] * (layers - 1) + [width]
        self.layers = nn.ModuleList(nn.LSTM(before, after) for before, after in zip(sizes, sizes[1:]))
        self.decoder = nn.Linear(width, network["vocabulary_size"])
        self.decoder.weight = self.encoder.weight

    def forward(self, tokens):
        x = self.encoder(tokens)
        for layer in self.layers:
            x, _ = layer(x)
        return self.decoder(x).flatten(0, 1)


def text_batches(objective, components):
    """(inputs [T, B], targets [T·B]) of the components of a text whose words stand between spaces."""
    text = objective["text"]
    lines = [line.split() for line in Path(text["file"]["path"]).read_text().splitlines()]
    if "held_out_fraction" in text:
        lines = lines[: len(lines) - max(1, int(text["held_out_fraction"] * len(lines)))]
    counts = Counter(word for line in lines for word in line)
    # The most frequent first, the first seen among equals: Counter keeps that order.
    number = {word: index for index, (word, _) in enumerate(counts.most_common(text["vocabulary_limit"] - 2), 2)}
    tokens = [index for line in lines for index in [number.get(word, 0) for word in line] + [1]]
    streams, steps = objective["batch_size"], objective["sequence_length"]
    length = len(tokens) // streams
    tokens = torch.tensor(tokens[: streams * length]).view(streams, length).t().contiguous()
    batches = []
    for start in (component * steps for component in components):
        end = min(start + steps, length - 1)
        batches.append((tokens[start:end], tokens[start + 1 : end + 1].flatten()))
    return batches


def image_batches(objective, components):
    from image_data import ImageData

    data = ImageData(objective)
    batches = (data.batch(component) for component in components)
    return [(torch.as_tensor(images, dtype=torch.float32), torch.as_tensor(labels)) for images, labels in batches]


def image_network(network):
    import image_networks

    # The twin watches the arguments of its ReLUs; nobody does here.
    image_networks.relu = functional.relu
    return image_networks.build(network, torch.float32)


class Curve:
    """∇f_S at points of a run."""

    def __init__(self, model, batches):
        self.model, self.batches = model, batches
        self.parameters = list(model.parameters())
        self.total = sum(len(targets) for _, targets in batches)

    def split(self, flat):
        """Views of a flat vector, one a parameter."""
        pieces = torch.from_numpy(flat).to(self.parameters[0].dtype).split([parameter.numel() for parameter in self.parameters])
        return [piece.view_as(parameter) for piece, parameter in zip(pieces, self.parameters)]

    def gradient(self, point):
        """∇f_S, one tensor a parameter. The list stays valid: the next call makes new gradients."""
        with torch.no_grad():
            torch._foreach_copy_(self.parameters, point)
        self.model.zero_grad(set_to_none=True)
        for inputs, targets in self.batches:
            loss = functional.cross_entropy(self.model(inputs), targets)
            (loss * (len(targets) / self.total)).backward()
        return [parameter.grad for parameter in self.parameters]


def norm(tensors):
    """In double: sums of millions of squares in Float are wrong in the fourth digit."""
    return torch.stack([torch.linalg.vector_norm(tensor, dtype=torch.float64) for tensor in tensors]).norm().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("run")
    parser.add_argument("--components", required=True)
    parser.add_argument("--gammas", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--merge", action="store_true")
    parser.add_argument("--double", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    components = [int(component) for component in arguments.components.split(",")]
    gammas = [float(gamma) for gamma in arguments.gammas.split(",")]
    run = h5py.File(arguments.run)
    objective = json.loads(run["objective"].asstr()[()])
    network = objective["network"]
    if "text" in objective:
        model, batches, axis = LanguageModel(network), text_batches(objective, components), 1
    else:
        model, batches, axis = image_network(network), image_batches(objective, components), 0
    if arguments.merge:
        assert axis == 0 and network["kind"] == "mlp"
        batches = [tuple(torch.cat(part) for part in zip(*batches))]
    if arguments.double:
        model = model.double()
        batches = [tuple(part.double() if part.is_floating_point() else part for part in batch) for batch in batches]
    shapes = [[int(extent) for extent in shape if extent >= 0] for shape in run["parameters/shape"][:]]
    assert shapes == [list(parameter.shape) for parameter in model.parameters()]
    trajectory = run["trajectory"]
    rows = int(run["commit"][()])
    is_consecutive = "next_iterate" not in trajectory
    curve = Curve(model, batches)
    print(f"ready: PyTorch {torch.__version__}, {len(components)} components", file=sys.stderr, flush=True)

    print("iteration,gradient_norm,smoothness")
    end = None
    for row in range(rows):
        x = curve.split(trajectory["iterate"][row])
        y = curve.split(trajectory["iterate"][row + 1] if is_consecutive else trajectory["next_iterate"][row])
        base = end if is_consecutive and end is not None else curve.gradient(x)
        step = norm(torch._foreach_sub(y, x))
        smoothness = 0.0
        for gamma in gammas:
            end = curve.gradient(torch._foreach_lerp(x, y, gamma) if gamma < 1 else y)
            smoothness = max(smoothness, norm(torch._foreach_sub(end, base)) / (gamma * step))
        print(f"{trajectory['iteration'][row]},{norm(base):.9g},{smoothness:.9g}", flush=True)


main()
