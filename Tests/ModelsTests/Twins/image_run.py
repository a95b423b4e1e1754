"""Holds a run of an image classifier against PyTorch and data made anew from the description in the file.

usage: image_run.py RUN.h5

The run has cyclic order, saves every iterate's gradient and ends with an evaluation. Prints JSON: the largest relative errors of the
loss, of a block's gradient (Euclidean norms) and of the validation loss, and the difference of the accuracy. Here all is in Double. A row whose
network has an argument of ReLU nearer to zero than the run's rounding can tell has two gradients; it is left out of the gradients and not counted
in `rows`.
"""

import json
import sys

import h5py
import numpy as np
import torch
import torch.nn.functional as functional

from image_data import ImageData
from image_networks import Kinks, build, load, population_statistics

torch.set_num_threads(1)
with h5py.File(sys.argv[1], "r") as file:
    description = json.loads(file["objective"][()])
    assert json.loads(file["optimizer"][()])["order"] == "cyclic"
    columns = (file["parameters"][name][()] for name in ("name", "shape", "offset", "count"))
    names, shapes, offsets, counts = columns
    iterations = file["trajectory/iteration"][()]
    resolution = 3e-6 if file["trajectory/iterate"].dtype == np.float32 else 1e-13
    iterates = file["trajectory/iterate"][()].astype(np.float64)
    gradients = file["trajectory/gradient"][()].astype(np.float64)
    losses = file["trajectory/loss"][()]
    evaluation = {name: file[f"history/evaluation/{name}"][()] for name in ("iteration", "validation_loss", "metric")}
    last = iterates[-1] if len(iterates) > len(iterations) else file["trajectory/next_iterate"][-1].astype(np.float64)

data = ImageData(description)
network = build(description["network"])
blocks = []
for name, parameter, offset, count in zip(names, network.parameters(), offsets, counts):
    blocks.append((name.decode(), parameter.shape, int(offset), int(count)))
assert sum(block[3] for block in blocks) == iterates.shape[1]

answer = {"parameters": iterates.shape[1], "rows": 0, "loss": 0.0, "gradient": 0.0, "worst": ""}
for row, iteration in enumerate(iterations):
    epoch, component = divmod(int(iteration), data.count)
    draw = epoch if description["training_draws"] == "fresh" else 0
    images, labels = data.batch(component, draw)
    load(network, iterates[row], blocks)
    network.train()
    network.zero_grad()
    Kinks.nearest = float("inf")
    loss = functional.cross_entropy(
        network(torch.as_tensor(images)), torch.as_tensor(labels), label_smoothing=description["label_smoothing"]
    )
    loss.backward()
    answer["loss"] = max(answer["loss"], abs(losses[row] - loss.item()) / abs(loss.item()))
    if Kinks.nearest < resolution:
        continue
    answer["rows"] += 1
    for (name, _, offset, count), parameter in zip(blocks, network.parameters()):
        ours = parameter.grad.numpy().ravel()
        theirs = gradients[row][offset : offset + count]
        error = float(np.linalg.norm(ours - theirs) / (np.linalg.norm(ours) or 1))
        if not error <= answer["gradient"]:  # not a number counts
            answer["gradient"], answer["worst"] = error, name

load(network, last, blocks)
if description["network"]["kind"] == "resnet":
    count = min(description["population_components"], data.count)
    population_statistics(network, (torch.as_tensor(data.batch(component)[0]) for component in range(count)))
total, right, number = 0.0, 0, 0
with torch.no_grad():
    for images, labels in data.held_out():
        logits = network(torch.as_tensor(images))
        total += functional.cross_entropy(logits, torch.as_tensor(labels), reduction="sum").item()
        right += int((logits.argmax(1).numpy() == labels).sum())
        number += len(labels)
answer["validation_loss"] = abs(evaluation["validation_loss"][-1] - total / number) / (total / number)
answer["accuracy"] = abs(evaluation["metric"][-1] - right / number)
print(json.dumps(answer))
